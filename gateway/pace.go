package gateway

import (
	"io"
	"net/http"
	"time"
)

const (
	// pace is how many bytes a second come of a body at least: half of what the thinnest
	// line carries.
	pace = 32 << 10
	// grace is how long nothing may come, of a sender who has kept the pace.
	grace = 20 * time.Second
	// leave is how long one who is refused may go on sending, before reading why.
	leave = time.Minute
	// reply is how long answering may take once the body is there.
	reply = 2 * time.Minute
)

// paced is a body of whose sender no more is asked than to keep the pace: a long one may
// take longer than a server gives all requests, and who stops sending does not.
type paced struct {
	io.Reader
	server *http.ResponseController
	now    func() time.Time
	left   time.Duration // that nothing may come
	over   bool          // nothing more comes
}

func (b *bodies) paced(w http.ResponseWriter, body io.Reader) *paced {
	return &paced{Reader: body, server: http.NewResponseController(w), now: b.now, left: grace}
}

// Read implements io.Reader. Where the server has no deadlines to set, its own hold.
func (p *paced) Read(b []byte) (int, error) {
	before := p.now()
	_ = p.server.SetReadDeadline(before.Add(p.left))
	n, err := p.Reader.Read(b)
	p.over = err != nil
	p.left = min(p.left-p.now().Sub(before)+time.Duration(n)*time.Second/pace, grace)
	return n, err
}

// all gives the answer its time, when the whole body has come.
func (p *paced) all() {
	_ = p.server.SetReadDeadline(time.Time{})
	_ = p.server.SetWriteDeadline(p.now().Add(reply))
}

// refuse gives the answer its time, and reads up to n bytes that it throws away first: most
// clients read the answer only once they have sent all.
func (p *paced) refuse(n int64) {
	now := p.now()
	_ = p.server.SetWriteDeadline(now.Add(leave + reply))
	if !p.over {
		_ = p.server.SetReadDeadline(now.Add(leave))
		_, _ = io.CopyN(io.Discard, p.Reader, n)
	}
}
