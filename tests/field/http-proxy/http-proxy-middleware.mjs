// http-proxy-middleware under express as its manual begins: node http-proxy-middleware.mjs MODULES PORT UPSTREAM
import { createRequire } from "node:module";

const [modules, port, target] = process.argv.slice(2);
const need = createRequire(`${modules}/package.json`);
const { createProxyMiddleware } = need("http-proxy-middleware");
need("express")().use(createProxyMiddleware({ target })).listen(Number(port), "127.0.0.1");
