package server

import (
	"bytes"
	"crypto/sha256"
	"strings"

	"google.golang.org/protobuf/proto"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/store"
)

const (
	keysTable  = "duban.organization.v1.ApiKey"
	unitsTable = "duban.organization.v1.Unit"
	linksTable = "duban.organization.v1.Identity"
)

// forms are of what stands beside the feed.
var forms = map[string]store.Form{
	accounts: store.Every(store.Shaped(func(key, _ []byte) bool { return len(key) == sha256.Size }), linked),
	digests: store.Every(
		store.Shaped(func(key, value []byte) bool { // of a dead bootstrap key a word is left
			return len(value) == sha256.Size || string(key) == bootstrapID && string(value) == dead
		}),
		ofAKey, early,
	),
	unshown: store.Every(
		store.Shaped(func(key, value []byte) bool { return string(key) == bootstrapID && len(value) == 0 }),
		opening,
	),
	usage: store.Every(
		store.Shaped(func(_, value []byte) bool {
			last, err := parseUse(value)
			return err == nil && string(last.row()) == string(value)
		}),
		store.Of(keysTable, func(key []byte) string { return "apiKeys/" + strings.TrimPrefix(string(key), line) }),
	),
}

// ofAKey has the digest of no key that there is not; the bootstrap key is no record.
func ofAKey(tx store.Tx, row store.Entry) (string, error) {
	if string(row.Key) == bootstrapID {
		return "", nil
	}
	return store.Of(keysTable, func(id []byte) string { return "apiKeys/" + string(id) })(tx, row)
}

// early has no bootstrap key open an installation that has units: the first kills it.
func early(tx store.Tx, row store.Entry) (string, error) {
	if string(row.Key) != bootstrapID || string(row.Value) == dead {
		return "", nil
	}
	for _, err := range tx.Scan(unitsTable, nil, nil) {
		return "a bootstrap key that lives where units are", err
	}
	return "", nil
}

// opening has no key to be shown that opens nothing.
func opening(tx store.Tx, _ store.Entry) (string, error) {
	digest, made, err := store.Seek(tx, digests, []byte(bootstrapID))
	if err != nil || made && string(digest) != dead {
		return "", err
	}
	return "a key that is to be shown and opens nothing", nil
}

// linked has no account lead to the link of another, or to one that has ended.
func linked(tx store.Tx, row store.Entry) (string, error) {
	b, _, err := store.Seek(tx, linksTable, row.Value)
	if err != nil {
		return "", err
	}
	link := &organizationv1.Identity{}
	if proto.Unmarshal(b, link) != nil || !bytes.Equal(authn.Digest(link.GetIssuer(), link.GetSubject()), row.Key) || link.GetEndTime() != nil {
		return "a link that is not of this account", nil
	}
	return "", nil
}
