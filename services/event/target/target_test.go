package target

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// strict is a policy as it is installed: one private network is allowed.
func strict() *Policy {
	return &Policy{
		Networks: []netip.Prefix{netip.MustParsePrefix("10.8.0.0/16"), netip.MustParsePrefix("fd00:8::/32")},
		Own:      func(at netip.AddrPort) bool { return at.String() == "10.8.0.1:8080" },
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			known := map[string]string{
				"good.example.com": "8.8.8.8 2606:4700::1111", "half.example.com": "8.8.8.8 127.0.0.1", "meta.example.com": "169.254.169.254",
				"inner.example.com": "10.8.1.1", "other.example.com": "10.9.1.1", "mapped.example.com": "::ffff:10.9.1.1",
			}
			var all []netip.Addr
			for text := range strings.FieldsSeq(known[host]) {
				all = append(all, netip.MustParseAddr(text))
			}
			return all, nil
		},
	}
}

func TestAddressesThatMayBeRegistered(t *testing.T) {
	p := strict()
	for _, text := range []string{
		"https://good.example.com/hook?x=1", "https://GOOD.example.com", "HTTPS://Good.Example.COM/Hook", "HTTPS://[FD00:8::5]/", "https://good.example.com:8443/", "https://8.8.8.8/",
		"https://[2606:4700::1111]/", "https://inner.example.com/", "https://10.8.200.1/", "https://[fd00:8::5]/", "https://10.8.0.1/",
		"https://[::ffff:8.8.8.8]/",
	} {
		if err := p.Check(t.Context(), text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAddressesThatMayNot(t *testing.T) {
	p := strict()
	for why, list := range map[string][]string{
		"scheme":   {"http://good.example.com/", "ftp://good.example.com/", "//good.example.com/", "good.example.com", "file:///etc/passwd", "HTTP://8.8.8.8/", "javascript:alert(1)", "https:good.example.com"},
		"userinfo": {"https://a@good.example.com/", "https://a:b@good.example.com/", "https://good.example.com@127.0.0.1/", "https://@good.example.com/"},
		"form": {"", "https://", "https:///x", "https://good.example.com:0/", "https://good.example.com:99999/", "https://good.example.com:x/",
			"https://good.example.com/#f", "https://good.example.com#", "https://exa mple.com/", "https://good.example.com\n/", "https://[::1", "https://good_.example..com/"},
		"this machine": {"https://127.0.0.1/", "https://127.9.9.9/", "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/",
			"https://[::1]/", "https://[::]/", "https://0.0.0.0/", "https://0/", "https://[::ffff:127.0.0.1]/", "https://[::127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://half.example.com/"},
		"numbers": {"https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://127.1/", "https://0177.0.0.1/", "https://127.0.0.1./", "https://8.8.8.08/",
			"https://010.8.8.8/", "https://1.2.3/", "https://0x/", "https://1.1.1.1.1/", "https://a.0x7f/"},
		"embedded":  {"https://[64:ff9b::7f00:1]/", "https://[64:ff9b::808:808]/", "https://[64:ff9b:1::1]/", "https://[2002:7f00:1::]/", "https://[2002:808:808::1]/", "https://[2001:0:1::1]/"},
		"link":      {"https://169.254.169.254/", "https://169.254.1.1/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://meta.example.com/", "https://[::ffff:169.254.169.254]/"},
		"metadata":  {"https://100.100.100.200/", "https://[fd00:ec2::254]/", "https://168.63.129.16/", "https://metadata.google.internal/"},
		"groups":    {"https://224.0.0.1/", "https://239.1.1.1/", "https://[ff02::1]/", "https://255.255.255.255/"},
		"private":   {"https://10.9.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/", "https://[fd00:9::1]/", "https://[fc00::1]/", "https://other.example.com/", "https://mapped.example.com/"},
		"reserved":  {"https://192.0.2.1/", "https://198.51.100.1/", "https://203.0.113.1/", "https://198.18.0.1/", "https://240.0.0.1/", "https://[2001:db8::1]/", "https://[4000::1]/", "https://192.88.99.1/"},
		"our own":   {"https://10.8.0.1:8080/"},
		"capitals":  {"HTTP://GOOD.example.com/", "HTTPS://LOCALHOST/", "https://x.LOCAL/", "https://A.LocalHost/", "https://0X7F000001/", "https://a.0X7F/", "https://[::FFFF:127.0.0.1]/", "https://[FE80::1]/", "https://METADATA.GOOGLE.INTERNAL/", "https://\u212aelvin.example.com/", "https://META.example.com/", "https://HALF.example.com/"},
		"names":     {"https://intranet/", "https://x.local/", "https://x.internal/", "https://例子.example.com/", "https://good。example.com/", "https://ⅼocalhost.example/", "https://①②⑦.⓪.⓪.①/", "https://good.example.com./", "https://-a.example.com/"},
		"not found": {"https://none.example.com/"},
	} {
		for _, text := range list {
			var refusal *Refusal
			if err := p.Check(t.Context(), text); !errors.As(err, &refusal) {
				t.Errorf("%s: %q = %v", why, text, err)
			} else if refusal.Zh == "" || refusal.En == "" {
				t.Errorf("%s: %q is refused without words", why, text)
			}
		}
	}
}

func TestLoopbackIsAllowedWhereItIsSaid(t *testing.T) {
	p := &Policy{Loopback: true, Own: func(at netip.AddrPort) bool { return at.Port() == 8080 }}
	for text, want := range map[string]bool{
		"http://127.0.0.1:1/": true, "http://localhost:1/": true, "HTTP://LOCALHOST:1/": true, "http://LocalHost:1/": true, "HTTP://LOCALHOST.example.com/": false, "https://[::1]/": true, "http://8.8.8.8/": false, "http://10.0.0.1/": false,
		"https://169.254.169.254/": false, "http://example.com/": false, "http://127.0.0.1:8080/": false,
	} {
		if _, err := p.URL(text); (err == nil) != want {
			t.Errorf("%s = %v", text, err)
		}
	}
}

// listener counts who comes.
func listener(t *testing.T, answer http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	var came atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s, &came
}

// What a name resolves to is held against the policy at the connection itself,
// whatever was looked at before.
func TestTheConnectionIsChecked(t *testing.T) {
	s, came := listener(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	sender := strict().Sender()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+host+":"+port, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := sender.client.Do(req)
		if err == nil {
			res.Body.Close()
		}
		if got := word(err); err == nil || got != "target" {
			t.Errorf("%s: %v, %s", host, err, got)
		}
	}
	if came.Load() != 0 {
		t.Error("a connection was made")
	}
	if got := sender.Send(t.Context(), s.URL, nil, nil); got.Failure != "target" {
		t.Errorf("Send = %+v", got)
	}
	if sender.client.Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy would be asked")
	}
}

func TestAnswers(t *testing.T) {
	elsewhere, came := listener(t, func(http.ResponseWriter, *http.Request) {})
	s, _ := listener(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case "/later":
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
		case "/date":
			now := time.Date(2026, 2, 9, 0, 0, 0, 0, time.UTC)
			w.Header().Set("Date", now.Format(http.TimeFormat))
			w.Header().Set("Retry-After", now.Add(time.Hour).Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}
	})
	sender := (&Policy{Loopback: true}).Sender()
	for path, want := range map[string]Answer{
		"/": {Status: 200}, "/redirect": {Status: 307}, "/later": {Status: 429, RetryAfter: 2 * time.Minute},
		"/date": {Status: 503, RetryAfter: time.Hour}, "/endless": {Status: 200},
	} {
		if got := sender.Send(t.Context(), s.URL+path, http.Header{}, []byte("{}")); got != want {
			t.Errorf("%s = %+v, want %+v", path, got, want)
		}
	}
	if came.Load() != 0 {
		t.Error("a redirect was followed")
	}
	if got := sender.Send(t.Context(), "http://127.0.0.1:1", http.Header{}, nil); got.Failure != "refused" {
		t.Errorf("nobody listens: %+v", got)
	}
}
