// Package reach connects the services of an installation (服务间调用): a call goes to
// the role that answers for it, in this process if the role runs here, else over
// TCP with both sides proved. Callers hold one connection and cannot tell.
//
// How calls are answered is for package serve to say, who may make them for authz,
// and how a process proves its role for papers.
package reach

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/stats"

	"github.com/duban-project/duban/services/internal/serve"
)

// Network is how the roles of this process reach all others. Its fields MUST NOT
// change once it is used.
type Network struct {
	// Roles are those of the installation, the one first that is asked when any
	// would do.
	Roles []string
	// Here says whether a role runs in this process.
	Here func(role string) bool
	// Local returns a connection to the roles of this process, on which as calls.
	Local func(as string) grpc.ClientConnInterface
	// Addresses are where roles that do not run here are, as host:port.
	Addresses map[string]string
	// Credentials are what as shows to the role.
	Credentials func(as, role string) credentials.TransportCredentials
	// Message is the largest request, in bytes.
	Message int
	// Made observes the calls; nil for nobody.
	Made stats.Handler

	mu    sync.Mutex
	lines map[line]grpc.ClientConnInterface
	close []func() error
}

// line is a connection from one role to another.
type line struct{ as, role string }

// Conn returns a connection on which as calls whatever role answers for the
// method; an empty name makes the calls a client's.
func (n *Network) Conn(as string) grpc.ClientConnInterface { return router{n, as} }

// To returns a connection to one role, on which as calls.
func (n *Network) To(as, role string) grpc.ClientConnInterface {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := line{as, role}
	if n.lines[at] == nil {
		if n.lines == nil {
			n.lines = map[line]grpc.ClientConnInterface{}
		}
		n.lines[at] = n.connect(as, role)
	}
	return n.lines[at]
}

// connect does not connect yet: that happens with the first call.
func (n *Network) connect(as, role string) grpc.ClientConnInterface {
	if n.Here(role) {
		return n.Local(as)
	}
	address, ok := n.Addresses[role]
	if !ok {
		return absent(role)
	}
	conn, err := grpc.NewClient(address, n.options(as, role)...)
	if err != nil {
		return absent(role)
	}
	n.close = append(n.close, conn.Close)
	return remote{conn, role}
}

// Close ends all connections.
func (n *Network) Close() (err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.close {
		err = errors.Join(err, c())
	}
	n.close, n.lines = nil, nil
	return err
}

// remote is a connection to a role in another process.
type remote struct {
	*grpc.ClientConn
	role string
}

// Invoke implements grpc.ClientConnInterface.
func (r remote) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	return serve.Reached(ctx, r.role, r.ClientConn.Invoke(ctx, method, req, resp, opts...))
}

// absent stands for a role that the installation does not have.
type absent string

// Invoke implements grpc.ClientConnInterface.
func (a absent) Invoke(ctx context.Context, _ string, _, _ any, _ ...grpc.CallOption) error {
	return serve.Unreachable(ctx, string(a))
}

// NewStream implements grpc.ClientConnInterface.
func (a absent) NewStream(ctx context.Context, _ *grpc.StreamDesc, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, serve.Unreachable(ctx, string(a))
}
