// http-proxy as its manual begins, with the handler of errors that it asks for: node http-proxy.mjs MODULES PORT UPSTREAM
import http from "node:http";
import { createRequire } from "node:module";

const [modules, port, target] = process.argv.slice(2);
const { createProxyServer } = createRequire(`${modules}/package.json`)("http-proxy");
const proxy = createProxyServer({ target });
proxy.on("error", (error, request, response) => {
  if (!response.headersSent) response.writeHead(502, { "content-type": "text/plain" });
  response.end("no answer from the upstream");
});
http.createServer((request, response) => proxy.web(request, response)).listen(Number(port), "127.0.0.1");
