vcl 4.1;
# Varnish in front of the bundled mock; what stands in braces is filled in by the test.
backend mock {
  .host = "127.0.0.1";
  .port = "{upstream_port}";
  .first_byte_timeout = 600s;
  .between_bytes_timeout = 600s;
}
sub vcl_recv {
  return (pass);
}
