package authn

import (
	"fmt"
	"hash/crc32"
	"strings"
)

// Form is how the keys of an installation look: those of a sandbox open nothing
// anywhere else, nor does a real one open a sandbox, whoever mixes them up.
type Form string

// The forms of keys.
const (
	Real    Form = ""
	Sandbox Form = "sandbox"
)

const (
	scanned  = "duban" // starts every key, so that scanners recognise one that leaked
	checksum = 8       // hexadecimal digits of a CRC-32 that end every key
	longest  = 63      // bytes of an id
)

func (f Form) prefix() string { return scanned + string(f) + "_" }

// Join writes a key as its holder sends it. It ends in a checksum, so that one
// which was cut off, mistyped or made up is recognised without asking anybody. The
// checksum is no secret and proves nothing.
func (f Form) Join(id, secret string) string {
	body := f.prefix() + id + "_" + secret
	return body + sum(body)
}

func sum(body string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) }

// Split undoes Join. It is not ok for what Join cannot have written.
func (f Form) Split(token string) (id, secret string, ok bool) {
	end := max(len(token)-checksum, 0)
	rest, ok := strings.CutPrefix(token[:end], f.prefix())
	if !ok || sum(token[:end]) != token[end:] {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ok && id != "" && len(id) <= longest && secret != ""
}
