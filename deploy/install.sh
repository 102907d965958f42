#!/bin/sh
# Installs duban from the unpacked archive that this script lies in; needs no
# network and starts nothing. PREFIX=/some/root installs beneath that, and leaves the
# machine's users alone.
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
if [ -z "$to" ] && ! id -u duban >/dev/null 2>&1; then
	useradd --system --user-group --no-create-home --home-dir /var/lib/duban --shell /usr/sbin/nologin duban
fi
"$to/usr/local/bin/duban" version
echo "Edit $to/etc/duban/duban.yaml, then: systemctl daemon-reload && systemctl enable --now duban"
