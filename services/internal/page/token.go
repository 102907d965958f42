package page

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/services/internal/fault"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
)

const (
	minSecret = 32
	tagSize   = aes.BlockSize
)

var errToken = fault.Of(faultv1.Reason_REASON_PAGE_TOKEN_INVALID).
	At("page_token", "分页标记无效或不属于此查询", "not a page token of this query")

// Tokens turns cursors into page tokens and back. A token is URL-safe text that
// shows nothing of its cursor but the length, because the last record looked at
// may be one that the caller must not see. It holds for one query only: the
// request message, all fields but page_token and page_size. Processes that
// answer for each other MUST have the same secret; after an upgrade that
// changes a request message, tokens of before may be refused.
//
// Tokens is safe for concurrent use.
type Tokens struct {
	key   []byte
	block cipher.Block
}

// NewTokens makes Tokens from a secret of at least 32 random bytes.
func NewTokens(secret []byte) (*Tokens, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("page token secret of %d bytes, want at least %d", len(secret), minSecret)
	}
	keys, err := hkdf.Key(sha256.New, secret, nil, "duban page token v1", 64)
	if err != nil {
		return nil, fmt.Errorf("deriving page token keys: %w", err)
	}
	block, err := aes.NewCipher(keys[32:])
	if err != nil {
		return nil, fmt.Errorf("making the page token cipher: %w", err)
	}
	return &Tokens{key: keys[:32], block: block}, nil
}

// Encode returns the token that leads from this query's page to what follows
// cursor; the same input gives the same token. No cursor gives no token: the
// list has ended. Encode panics if query has text that is not UTF-8, which no
// request that arrived has.
func (t *Tokens) Encode(cursor string, query proto.Message) string {
	if cursor == "" {
		return ""
	}
	tag, err := t.tag([]byte(cursor), query)
	if err != nil {
		panic(fmt.Sprintf("page: encoding a token: %v", err))
	}
	return base64.RawURLEncoding.EncodeToString(append(tag, t.crypt(tag, []byte(cursor))...))
}

// Decode returns the cursor of a token that Encode made for the same query; no
// token gives no cursor, the start. Every other text is the fault
// PAGE_TOKEN_INVALID.
func (t *Tokens) Decode(token string, query proto.Message) (cursor string, err error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	// Decoding overlooks line ends and spare bits: only what encodes back counts.
	if err != nil || len(raw) <= tagSize || base64.RawURLEncoding.EncodeToString(raw) != token {
		return "", errToken
	}
	got, plain := raw[:tagSize], t.crypt(raw[:tagSize], raw[tagSize:])
	want, err := t.tag(plain, query)
	if err != nil || !hmac.Equal(got, want) {
		return "", errToken
	}
	return string(plain), nil
}

// crypt encrypts and decrypts. The tag is the initial vector: equal tags mean
// equal plain text, so no key stream serves twice (the SIV construction).
func (t *Tokens) crypt(tag, text []byte) []byte {
	out := make([]byte, len(text))
	cipher.NewCTR(t.block, tag).XORKeyStream(out, text)
	return out
}

// tag authenticates the cursor together with the query. Lengths stand before
// what they measure, so that no two inputs give the same bytes.
func (t *Tokens) tag(cursor []byte, query proto.Message) ([]byte, error) {
	body, err := identity(query)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, t.key)
	for _, part := range [][]byte{[]byte(query.ProtoReflect().Descriptor().FullName()), body, cursor} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	return mac.Sum(nil)[:tagSize:tagSize], nil
}

// identity is what makes a query this query: all of it but the page asked for.
func identity(query proto.Message) ([]byte, error) {
	m := proto.Clone(query).ProtoReflect()
	for _, name := range []protoreflect.Name{"page_token", "page_size"} {
		if field := m.Descriptor().Fields().ByName(name); field != nil {
			m.Clear(field)
		}
	}
	return proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m.Interface())
}
