#!/bin/sh
# Makes the archives twice, compares them, installs one beneath a folder and starts
# what it installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
"$here/dist.sh" "$work/one"
"$here/dist.sh" "$work/two"
cmp "$work/one/SHA256SUMS" "$work/two/SHA256SUMS"
cd "$work/one"
sha256sum --check --quiet SHA256SUMS
tar -xzf duban-linux-amd64.tar.gz
tar -tzf duban-linux-arm64.tar.gz >/dev/null
for page in README.md docs/operating.md docs/integrating.md docs/glossary.md; do
	grep -o '](\([^)#:]*\))' "duban-linux-amd64/$page" | sed 's/^](//; s/)$//' | while read -r to; do
		[ -e "duban-linux-amd64/$(dirname "$page")/$to" ] || { echo "$page leads to $to, which is not in the archive"; exit 1; }
	done
done
PREFIX=$work/root duban-linux-amd64/install.sh
"$work/root/usr/local/bin/duban" version | grep -F " $(git -C "$here" describe --tags --always --dirty) "
printf 'data: %s/data\nhttp: 127.0.0.1:0\ngrpc: ""\nmetrics: 127.0.0.1:0\n' "$work" >"$work/duban.yaml"
"$work/root/usr/local/bin/duban" standalone -config "$work/duban.yaml" >"$work/out" 2>"$work/log" &
pid=$!
tries=0
until grep -q '^bootstrap key' "$work/out"; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] && kill -0 "$pid" || { cat "$work/log"; exit 1; }
	sleep 0.1
done
"$work/root/usr/local/bin/duban" backup -config "$work/duban.yaml" "$work/backup"
kill -TERM "$pid"
wait "$pid"
pid=
"$work/root/usr/local/bin/duban" restore -key "$work/data/installation.key" "$work/backup" "$work/restored"
"$work/root/usr/local/bin/duban" recount "$work/restored"
echo "the archives are the same twice, install, start, and keep a backup"
