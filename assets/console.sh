#!/usr/bin/env bash
# Plays the demo in a tmux of its own until the guard offers the way back, and draws that very screen.
# Needs tmux. Usage: assets/console.sh > assets/console.svg
set -euo pipefail
cd "$(dirname "$0")/.."
${CARGO:-cargo} build --quiet --bin ripcord --example picture
state=$(mktemp -d)
tm() { tmux -L "ripcord-picture-$$" -f /dev/null "$@"; }
trap 'tm kill-server 2>/dev/null || true; rm -rf "$state"' EXIT
tm new-session -d -s demo -x 120 -y 40 "exec env RIPCORD_STATE_DIR=$state LANG=C.UTF-8 target/debug/ripcord demo --speed 3"
screen() { tm capture-pane -p -t demo; }
for _ in $(seq 300); do
  sleep 1
  case "$(screen)" in
    *"A guard offers the way back"*) sleep 2; tm capture-pane -e -p -t demo | target/debug/examples/picture; exit 0 ;;
    *"[ Run it ]"*) tm send-keys -t demo y ;;
    *"Checklist before"*) tm send-keys -t demo Space ;;
    *"m ticks the items"*) tm send-keys -t demo m ;;
    *"press r"* | *"next  r shows"*) tm send-keys -t demo r ;;
  esac
done
screen >&2
exit 1
