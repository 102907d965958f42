#!/bin/sh
# Installs duban from the unpacked archive that this script lies in; needs no
# network and starts nothing. PREFIX=/some/root installs beneath that.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${PREFIX:-}
install -D -m 0755 "$here/duban" "$to/usr/local/bin/duban"
for unit in "$here"/deploy/systemd/*.service; do
	install -D -m 0644 "$unit" "$to/etc/systemd/system/$(basename "$unit")"
done
if [ ! -e "$to/etc/duban/duban.yaml" ]; then
	install -D -m 0644 "$here/deploy/duban.yaml" "$to/etc/duban/duban.yaml"
fi
"$to/usr/local/bin/duban" version
echo "Edit $to/etc/duban/duban.yaml, then: systemctl daemon-reload && systemctl enable --now duban"
