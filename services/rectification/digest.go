package rectification

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// digestTag separates this use of SHA-256 from every other.
const digestTag = "duban/ledger-content/v2"

// Digest returns what a head signs: SHA-256, in hex, over the content of a
// ledger. The encoding is a sequence of texts, each as its length in bytes (four
// bytes, most significant first) and its UTF-8 bytes:
//
//	"duban/ledger-content/v2"
//	the name of the ledger
//	the number of problems, in decimal
//	for each problem, in the order of the numbers:
//	    number in decimal, category, item, level as the contract names it
//	    (LEVEL_UNIT), description, cause, measures, deadline, leader
//	    responsible, person responsible
//
// Lengths before the texts make it injective: no two contents are encoded alike.
// Progress, state and source are not part of it. Versions that were signed before
// the level was have the digest of "duban/ledger-content/v1", which is the same
// without it.
func Digest(ledger string, problems []*rectificationv1.Problem) string {
	b := texts(nil, digestTag, ledger, strconv.Itoa(len(problems)))
	for _, p := range problems {
		b = texts(b, strconv.Itoa(int(p.GetNumber())))
		b = texts(b, content(p)...)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func texts(b []byte, list ...string) []byte {
	for _, s := range list {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

// content is what of a problem is signed and filed.
func content(p *rectificationv1.Problem) []string {
	return []string{
		p.GetCategory(), p.GetItem(), p.GetLevel().String(), p.GetDescription(), p.GetCause(), p.GetMeasures(),
		p.GetDeadline(), p.GetLeaderResponsible(), p.GetPersonResponsible(),
	}
}
