#!/bin/sh
# Makes the archives: deploy/dist.sh OUT. The same sources give the same bytes:
# times, owners and order are fixed, and the binary has no paths in it.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
release=$(git -C "$here" describe --tags --always --dirty)
for arch in amd64 arm64; do
	name=duban-linux-$arch
	mkdir -p "$work/$name"
	(cd "$here" && CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -ldflags="-s -w -buildid= -X main.release=$release" -o "$work/$name/duban" ./services/cmd/duban)
	cp -R "$here/deploy" "$work/$name/deploy"
	rm "$work/$name"/deploy/dist*.sh
	mv "$work/$name/deploy/install.sh" "$work/$name/install.sh"
	cp "$here/LICENSE" "$here/CHANGELOG.md" "$work/$name/"
	mv "$work/$name/deploy/dist.md" "$work/$name/README.md"
	cp -R "$here/docs" "$work/$name/docs"
	mkdir "$work/$name/gateway" && cp -R "$here/gateway/clients" "$work/$name/gateway/" && rm -rf "$work/$name/gateway/clients/node_modules"
	find "$work/$name" -type d -exec chmod 0755 {} +
	find "$work/$name" -type f -exec chmod 0644 {} +
	chmod 0755 "$work/$name/duban" "$work/$name/install.sh"
	tar --sort=name --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work" -cf - "$name" | gzip -n -9 >"$out/$name.tar.gz"
done
cd "$out" && sha256sum duban-linux-amd64.tar.gz duban-linux-arm64.tar.gz >SHA256SUMS
