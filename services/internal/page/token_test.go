package page_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/page"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

var errToken = fault.Of(faultv1.Reason_REASON_PAGE_TOKEN_INVALID)

func tokens(t testing.TB, secret string) *page.Tokens {
	t.Helper()
	made, err := page.NewTokens([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

var (
	secret = strings.Repeat("s", 32)
	query  = &feedv1.ListRecordsRequest{Parent: "feeds/complaint", Start: 7}
)

func TestNewTokensRefusesShortSecrets(t *testing.T) {
	if _, err := page.NewTokens(make([]byte, 31)); err == nil {
		t.Error("a secret of 31 bytes was taken")
	}
}

func TestTokensLeadBack(t *testing.T) {
	made := tokens(t, secret)
	for _, cursor := range []string{"x", "complaints/0192\x00\xff", strings.Repeat("长", 1_000)} {
		token := made.Encode(cursor, query)
		if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(token) {
			t.Errorf("token %q is not URL-safe", token)
		}
		if got, err := tokens(t, secret).Decode(token, query); got != cursor || err != nil {
			t.Errorf("Decode = %q, %v, want %q", got, err, cursor)
		}
	}
	if got := made.Encode("", query); got != "" {
		t.Errorf("the end has token %q", got)
	}
	if got, err := made.Decode("", query); got != "" || err != nil {
		t.Errorf("the start is %q, %v", got, err)
	}
}

func TestTokensHoldForAnyPageSize(t *testing.T) {
	made := tokens(t, secret)
	other := proto.CloneOf(query)
	other.PageSize = 9
	if got, err := made.Decode(made.Encode("x", query), other); got != "x" || err != nil {
		t.Errorf("Decode = %q, %v", got, err)
	}
	if other.GetPageSize() != 9 {
		t.Error("the query was changed")
	}
}

func TestTokensHoldForOneQuery(t *testing.T) {
	token := tokens(t, secret).Encode("x", query)
	parent, start := proto.CloneOf(query), proto.CloneOf(query)
	parent.Parent, start.Start = "feeds/campaign", 8
	for name, other := range map[string]proto.Message{
		"parent": parent,
		"start":  start,
		"type":   &feedv1.GetProofRequest{Parent: query.GetParent(), Size: query.GetStart()}, // the same bytes
	} {
		if _, err := tokens(t, secret).Decode(token, other); !errors.Is(err, errToken) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := tokens(t, secret+"t").Decode(token, query); !errors.Is(err, errToken) {
		t.Errorf("another secret: %v", err)
	}
}

func TestTokensAreRefusedWhenAltered(t *testing.T) {
	made := tokens(t, secret)
	token := made.Encode("units/0192", query)
	refused := []string{token + "A", token + "=", token + "\n", token[:5] + "\r\n" + token[5:], "x", "!", token + token}
	for i := range token {
		refused = append(refused, token[:i]+"\x00"+token[i+1:])
		if i > 0 {
			refused = append(refused, token[:i])
		}
		for _, r := range "ABQgw_-" {
			if altered := token[:i] + string(r) + token[i+1:]; altered != token {
				refused = append(refused, altered)
			}
		}
	}
	for _, altered := range refused {
		if got, err := made.Decode(altered, query); !errors.Is(err, errToken) || got != "" {
			t.Errorf("Decode(%q) = %q, %v", altered, got, err)
		}
	}
	if _, err := made.Decode("x", query); fault.As(err).Fields[0].Path != "page_token" {
		t.Errorf("the fault names no field: %v", err)
	}
}

// The last record looked at may be one that the caller must not see.
func TestTokensShowNothing(t *testing.T) {
	made := tokens(t, secret)
	cursor := strings.Repeat("secret", 8)
	raw, err := base64.RawURLEncoding.DecodeString(made.Encode(cursor, query))
	if err != nil || bytes.Contains(raw, []byte("secret")) {
		t.Errorf("raw token %q, %v", raw, err)
	}
	first, second := made.Encode(cursor, query), made.Encode(cursor, query)
	if first != second {
		t.Error("the same page has two tokens")
	}
}

func TestEncodePanicsOnWhatCannotArrive(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a query that is not UTF-8 was encoded")
		}
	}()
	tokens(t, secret).Encode("x", &feedv1.ListRecordsRequest{Parent: "\xff"})
}

// FuzzDecode: whatever Decode accepts is what Encode makes.
func FuzzDecode(f *testing.F) {
	made := tokens(f, secret)
	f.Add(made.Encode("x", query), "feeds/complaint", uint64(7))
	f.Add(made.Encode("x", query)+"\n", "feeds/complaint", uint64(7))
	f.Add("", "", uint64(0))
	f.Add("AAAA", "\xff", uint64(0))
	f.Fuzz(func(t *testing.T, token, parent string, start uint64) {
		query := &feedv1.ListRecordsRequest{Parent: parent, Start: start}
		cursor, err := made.Decode(token, query)
		if err != nil {
			if !errors.Is(err, errToken) || cursor != "" {
				t.Errorf("Decode(%q) = %q, %v", token, cursor, err)
			}
			return
		}
		if token != "" && made.Encode(cursor, query) != token {
			t.Errorf("Decode took %q, which Encode does not make of %q", token, cursor)
		}
	})
}
