#!/bin/sh
# Driver: curl with jq, as people call the API from scripts. It prints the text; a stream is what its lines say.
ask() {
  curl --silent --show-error --fail-with-body --no-buffer --speed-limit 1 --speed-time "$ECHO_TIMEOUT_S" \
    "$ECHO_BASE_URL/chat/completions" --header "Authorization: Bearer $ECHO_API_KEY" --json "$1"
}
asked="\"model\": \"$ECHO_MODEL\", \"messages\": [{\"role\": \"user\", \"content\": \"$ECHO_PROMPT\"}]"
case $ECHO_USE in
  chat) answer=$(ask "{$asked}") ;;
  stream) answer=$(ask "{$asked, \"stream\": true}") ;;
  *) exit 64 ;;
esac || { printf '%s\n' "$answer" >&2; exit 1; }
case $ECHO_USE in
  chat) printf '%s' "$answer" | jq --exit-status --raw-output '.choices[0].message.content' ;;
  stream) printf '%s' "$answer" | sed -n 's/^data: *{/{/p' | jq --join-output '.choices[0].delta.content // empty' ;;
esac
