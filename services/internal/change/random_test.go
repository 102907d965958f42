package change

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
)

// What the common generators draw is taken, in every way in which it is written.
func TestWhatIsDrawnIsTaken(t *testing.T) {
	for range 5000 {
		b := make([]byte, 16)
		_, _ = rand.Read(b)
		drawn := uuid.New().String()
		for _, id := range []string{
			drawn, strings.ToUpper(drawn), strings.ReplaceAll(drawn, "-", ""), hex.EncodeToString(b), fmt.Sprintf("%X", b), rand.Text(),
			base64.RawURLEncoding.EncodeToString(b), base64.StdEncoding.EncodeToString(b),
		} {
			if !random(id) {
				t.Errorf("%s is refused", id)
			}
		}
	}
}

// What nobody drew is refused: for its kind, its length or its pattern.
func TestWhatIsNotDrawnIsRefused(t *testing.T) {
	for _, id := range []string{
		strings.Repeat("a", 22), strings.Repeat("0", 32), strings.Repeat("ab", 16), strings.Repeat("a1b2", 8),
		"00000000-0000-4000-8000-000000000000", "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000001",
		"0123456789abcdef0123456789abcdef", "abcdefghijklmnopqrstuvwxyz", "1234567890123456789012345678901234567890",
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8", // version 1
		"0190163d-8694-739b-aea5-966c26f8ad91", // version 7
		"0f8fad5b-d9cb-469f-c165-70867728950e", // another variant
		"0f8fad5bd9cb469fa16570867728950",      // 31 digits
		"20260301-0f8fad5b-d9cb-469f",          // 24 digits, and hyphens
		"2026-03-01T08:00:00.000000Z", "V1StGXR8_Z5jdHi6B-myT", "V1StGXR8 Z5jdHi6B myT77", "选票的编号不是随机的选票的编号", "V1StGXR8_Z5jdHi6B-myT\x00",
	} {
		if random(id) {
			t.Errorf("%q is taken", id)
		}
	}
}

// The refusal of a random UUID, which of all ids has the fewest random bits, is rarer
// than once in 2^39. Refused are at most the ways through 32 digits that any so many
// differences allow, of which the one to the digit of the version is given; and what
// any so many digits spell, of which that one is given, and the variant has four.
func TestHardlyAnyRandomIDIsRefused(t *testing.T) {
	const alphabet = "0123456789abcdef"
	possible := map[int]bool{}
	for _, a := range alphabet {
		for _, b := range alphabet {
			possible[int(b-a)] = true
		}
	}
	product := func(choices *big.Int, base, places, first int64) *big.Int {
		choices.Mul(choices, new(big.Int).Exp(big.NewInt(base), big.NewInt(places), nil))
		return choices.Mul(choices, big.NewInt(first))
	}
	refused := product(new(big.Int).Binomial(int64(len(possible)), fewTurns), fewTurns, 30, 16)
	refused.Add(refused, product(new(big.Int).Binomial(15, fewCharacters-1), fewCharacters, 30, 4))
	if all := new(big.Int).Lsh(big.NewInt(1), 122); new(big.Int).Lsh(refused, 39).Cmp(all) >= 0 {
		t.Errorf("at most %v of %v are refused", refused, all)
	}
}

// In the header as in the request, and of a caller who has a key too: whose key is
// taken elsewhere may call a method of the public, and have an id that others find.
func TestAPublicIDIsRefusedAtItsField(t *testing.T) {
	long := strings.Repeat("a", 22)
	keyed := authn.Principal{Name: "units/a/members/b"}
	known := authz.With(authn.With(t.Context(), keyed), &authz.Access{Method: &authz.Method{}, Principal: keyed})
	if _, err := identify(known, book, authz.From(known), &organizationv1.CreateUnitRequest{RequestId: long}); err != nil {
		t.Fatalf("who has a key is refused with %v where ids are their own", err)
	}
	for name, ctx := range map[string]context.Context{"nobody": t.Context(), "who has a key": known} {
		inHeader := metadata.NewIncomingContext(ctx, metadata.Pairs("idempotency-key", long))
		_, one := PublicID(ctx, &organizationv1.CreateUnitRequest{RequestId: long})
		_, two := PublicID(inHeader, &organizationv1.CreateUnitRequest{})
		for path, err := range map[string]error{"request_id": one, "Idempotency-Key": two} {
			f := fault.As(err)
			if f == nil || !f.Is(ErrFields) || f.Fields[0].Path != path {
				t.Fatalf("%s is refused as %v", name, err)
			}
			if at := f.Fields[0]; !strings.Contains(at.Zh, "第 4 版 UUID") || !strings.Contains(at.En, "version 4") {
				t.Errorf("it says %q and %q", at.Zh, at.En)
			}
		}
	}
}
