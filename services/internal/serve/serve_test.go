package serve

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
)

func TestChain(t *testing.T) {
	var order []string
	named := func(name string) Step {
		return func(ctx context.Context, _ Call, next func(context.Context) error) error {
			order = append(order, name+" in")
			err := next(ctx)
			order = append(order, name+" out")
			return err
		}
	}
	boom := errors.New("boom")
	err := chain(named("a"), named("b"), recovered)(t.Context(), Call{}, func(context.Context) error { return boom })
	if want := []string{"a in", "b in", "b out", "a out"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	if !errors.Is(err, boom) {
		t.Errorf("err = %v", err)
	}
	if err := recovered(t.Context(), Call{}, func(context.Context) error { panic("boom") }); err == nil {
		t.Error("a panic passed as success")
	}
}

func TestEveryKindHasACode(t *testing.T) {
	kinds := faultv1.Kind(0).Descriptor().Values()
	for i := 1; i < kinds.Len(); i++ {
		if c, ok := code[faultv1.Kind(kinds.Get(i).Number())]; !ok || c == codes.OK {
			t.Errorf("%s has no code", kinds.Get(i).Name())
		}
	}
}

func seen(ctx context.Context, err error) *status.Status {
	err = statuses(slog.New(slog.DiscardHandler))(ctx, Call{}, func(context.Context) error { return err })
	return status.Convert(err)
}

func speaking(tag string) context.Context {
	return metadata.NewIncomingContext(context.Background(), metadata.Pairs("accept-language", tag))
}

func TestStatusesSpeakTheCallersLanguage(t *testing.T) {
	f := errFields.At("unit.kind", "不能为该取值", "must not be this")
	for tag, want := range map[string][2]string{
		"":                        {"zh-CN", "不能为该取值"},
		"zh-CN,zh;q=0.9,en;q=0.8": {"zh-CN", "不能为该取值"},
		"en-GB":                   {"en", "must not be this"},
		"fr":                      {"zh-CN", "不能为该取值"},
	} {
		ctx := t.Context()
		if tag != "" {
			ctx = speaking(tag)
		}
		s := seen(ctx, f)
		local := s.Details()[1].(*errdetails.LocalizedMessage)
		field := s.Details()[2].(*errdetails.BadRequest).GetFieldViolations()[0]
		if local.GetLocale() != want[0] || field.GetLocalizedMessage().GetMessage() != want[1] {
			t.Errorf("%q: %v, %v", tag, local, field)
		}
		if field.GetField() != "unit.kind" || s.Code() != codes.InvalidArgument {
			t.Errorf("%q: %v at %q", tag, s.Code(), field.GetField())
		}
	}
}

func TestStatusesMaskWhatIsNoFault(t *testing.T) {
	s := seen(t.Context(), errors.New("password in the clear"))
	if s.Code() != codes.Internal || strings.Contains(s.Message(), "password") || len(s.Details()) > 0 {
		t.Errorf("an internal error shows as %v", s)
	}
	if s := seen(t.Context(), context.Canceled); s.Code() != codes.Canceled {
		t.Errorf("a cancelled call shows as %v", s)
	}
}

func TestAFaultCrossesTheWire(t *testing.T) {
	want := errOverloaded.With("limit", "3")
	err := FromStatus(seen(t.Context(), want).Err())
	if !errors.Is(err, errOverloaded) || fault.As(err).Facts["limit"] != "3" {
		t.Errorf("restored as %v", err)
	}
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the restored fault lost its status: %v", status.Code(err))
	}
}

func TestFieldsCrossTheWire(t *testing.T) {
	want := errFields.At("unit.kind", "不能为该取值", "must not be this").At("unit.codes[0]", "重复", "is there twice")
	once := FromStatus(seen(t.Context(), want).Err())
	if diff := cmp.Diff(want.Fields, fault.As(once).Fields); diff != "" {
		t.Errorf("after a hop (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(seen(speaking("en"), want).Proto(), seen(speaking("en"), once).Proto(), protocmp.Transform()); diff != "" {
		t.Errorf("what the client sees after a hop (-want +got):\n%s", diff)
	}
	if english := fault.As(FromStatus(seen(speaking("en"), want).Err())); english.Fields[0].Zh != "must not be this" {
		t.Errorf("after a hop in English: %+v", english.Fields[0])
	}
}

func TestAdmissionShedsClientsAndLetsServicesPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := newAdmission(1).step
		release := make(chan struct{})
		go func() {
			_ = step(t.Context(), Call{}, func(context.Context) error { <-release; return nil })
		}()
		synctest.Wait()
		pass := func(context.Context) error { return nil }
		if err := step(t.Context(), Call{}, pass); !errors.Is(err, errOverloaded) {
			t.Errorf("one call too many = %v, want errOverloaded", err)
		}
		if err := step(authn.WithCaller(t.Context(), "campaign"), Call{}, pass); err != nil {
			t.Errorf("a service's call = %v", err)
		}
		close(release)
		synctest.Wait()
		if err := step(t.Context(), Call{}, pass); err != nil {
			t.Errorf("after the first ended = %v", err)
		}
	})
}

func TestRateLimitIsPerPrincipal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := newBuckets(Limits{Rate: 1, Burst: 2}).rateLimit
		call := func(name string) error {
			_, err := limited(t, step, authn.Principal{Name: name})
			return err
		}
		if err := errors.Join(call("machines/a"), call("machines/a")); err != nil {
			t.Fatal(err)
		}
		if err := call("machines/a"); !errors.Is(err, errRateLimited) {
			t.Errorf("the third call = %v, want errRateLimited", err)
		}
		if err := call("machines/b"); err != nil {
			t.Errorf("another principal = %v", err)
		}
	})
}

func TestFlightsLand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flights
		release := make(chan struct{})
		go func() {
			_ = f.counted(t.Context(), Call{}, func(context.Context) error { <-release; return nil })
		}()
		synctest.Wait()
		go func() {
			_ = f.counted(authn.WithCaller(t.Context(), "campaign"), Call{}, func(ctx context.Context) error { <-ctx.Done(); return nil })
		}()
		synctest.Wait()
		landed := f.land()
		if err := f.counted(t.Context(), Call{}, nil); !errors.Is(err, errStopping) {
			t.Errorf("a call while stopping = %v, want errStopping", err)
		}
		inner := func(context.Context) error { return nil }
		if err := f.counted(authn.WithCaller(t.Context(), "campaign"), Call{}, inner); err != nil {
			t.Errorf("a call that another caused = %v", err)
		}
		select {
		case <-landed:
			t.Error("landed with a call under way")
		default:
		}
		close(release)
		<-landed
	})
}
