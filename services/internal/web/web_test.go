package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections stay within the process, so that time in
// them is the bubble's.
type pipes struct {
	come   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// client is one that keeps its connection.
type client struct {
	net.Conn
	answers *bufio.Reader
}

func (p *pipes) dial() client {
	here, there := net.Pipe()
	p.come <- there
	return client{here, bufio.NewReader(here)}
}

// ask asks once more on the connection, and says whether that was the last time.
func (c client) ask(t *testing.T) (last bool) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://duban/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Write(c); err != nil {
		t.Fatalf("asking: %v", err)
	}
	res, err := http.ReadResponse(c.answers, req)
	if err != nil {
		t.Fatalf("the answer: %v", err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answered %s, %v", res.Status, err)
	}
	return res.Close
}

// stoppable serves in a bubble, and returns how to reach it, how to stop it and what
// tells that it has stopped.
func stoppable(ctx context.Context, h http.HandlerFunc) (p *pipes, stop func(), stopped <-chan error) {
	ctx, stop = context.WithCancel(ctx)
	p, ended := &pipes{come: make(chan net.Conn), closed: make(chan struct{})}, make(chan error, 1)
	s := Server{Grace: 8 * time.Second}
	go func() { ended <- s.Serve(ctx, h, p) }()
	return p, stop, ended
}

func refuse(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

// TestAStopTellsThoseWhoKeepTheirConnections: who asks once more after the signal,
// or comes then, is answered and told that the connection ends.
func TestAStopTellsThoseWhoKeepTheirConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop, stopped := stoppable(t.Context(), refuse)
		old := p.dial()
		if old.ask(t) {
			t.Error("a connection ends that nobody wants to end")
		}
		began := time.Now()
		stop()
		synctest.Wait()
		for _, c := range []client{p.dial(), old} {
			if !c.ask(t) {
				t.Error("the answer does not say that the connection ends")
			}
		}
		<-time.After(parting - time.Since(began) - 1)
		if !p.dial().ask(t) { // as who was told so, and comes again
			t.Error("the answer does not say that the connection ends")
		}
		late := p.dial()
		<-time.After(parting)
		if !late.ask(t) { // as who came just before nobody is let in any more
			t.Error("the answer does not say that the connection ends")
		}
		if err := <-stopped; err != nil || time.Since(began) != 2*parting {
			t.Errorf("stopped after %v: %v", time.Since(began), err)
		}
	})
}

// TestAnAnswerUnderWaySaysThatItIsTheLast, though it was asked for before the signal.
func TestAnAnswerUnderWaySaysThatItIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop, stopped := stoppable(t.Context(), func(w http.ResponseWriter, r *http.Request) {
			<-time.After(parting / 2)
			refuse(w, r)
		})
		c := p.dial()
		time.AfterFunc(parting/4, stop)
		if !c.ask(t) {
			t.Error("the answer does not say that the connection ends")
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

// TestAStopIsShort: at once if nobody is connected; and who says nothing is not
// waited for longer than it takes to say something.
func TestAStopIsShort(t *testing.T) {
	for name, c := range map[string]struct {
		clients int
		want    time.Duration
	}{"nobody": {0, 0}, "idle": {3, 2 * parting}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, stop, stopped := stoppable(t.Context(), refuse)
				for range c.clients {
					p.dial().ask(t)
				}
				synctest.Wait()
				began := time.Now()
				stop()
				if err := <-stopped; err != nil || time.Since(began) != c.want {
					t.Errorf("stopped after %v: %v, want %v", time.Since(began), err, c.want)
				}
			})
		})
	}
}

// TestAHandlerMayGiveMoreTime than all requests get: to read a body, and to answer then.
func TestAHandlerMayGiveMoreTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow = 5 * time.Minute
		p, stop, stopped := stoppable(t.Context(), func(w http.ResponseWriter, r *http.Request) {
			server, until := http.NewResponseController(w), time.Now().Add(slow+time.Second)
			if err := errors.Join(server.SetReadDeadline(until), server.SetWriteDeadline(until)); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadAll(r.Body); err != nil {
				t.Error(err)
			}
			refuse(w, r)
		})
		c := p.dial()
		for _, part := range []string{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n ", " "} {
			if _, err := io.WriteString(c, part); err != nil {
				t.Fatal(err)
			}
			<-time.After(slow / 2)
		}
		res, err := http.ReadResponse(c.answers, nil)
		if err != nil || res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("answered %v, %v", res, err)
		}
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}
