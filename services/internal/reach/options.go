package reach

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
)

const (
	// A role that was started again is found within redial.
	redial = time.Second
	// One that hangs, whose machine still takes connections, is given up after quiet and
	// answer, and connections to it after greeting. gRPC takes no less for quiet.
	quiet, answer = 10 * time.Second, 3 * time.Second
	greeting      = 2 * time.Second
)

func (n *Network) options(as, role string) []grpc.DialOption {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(n.Credentials(as, role)),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(retries()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: redial},
			MinConnectTimeout: greeting,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: quiet, Timeout: answer}),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(n.Message), grpc.MaxCallRecvMsgSize(n.Message)),
	}
	if n.Made != nil {
		options = append(options, grpc.WithStatsHandler(n.Made))
	}
	return options
}

// retries is the service config that repeats readings, and nothing else, which
// met a role that cannot be reached: three times within a second, unless most
// calls fail. What changes something is repeated by whoever has its request id.
var retries = sync.OnceValue(func() string {
	policy := map[string]any{
		"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "0.5s", "backoffMultiplier": 3,
		"retryableStatusCodes": []string{"UNAVAILABLE"},
	}
	text, err := json.Marshal(map[string]any{
		"methodConfig":    []any{map[string]any{"name": readings(), "retryPolicy": policy}},
		"retryThrottling": map[string]any{"maxTokens": 100, "tokenRatio": 0.5},
	})
	if err != nil {
		panic(fmt.Sprintf("maps of strings as JSON: %v", err))
	}
	return string(text)
})

// readings are the methods of the contract that change nothing.
func readings() (names []map[string]string) {
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				if m := methods.Get(j); reads(m) {
					names = append(names, map[string]string{"service": string(m.Parent().FullName()), "method": string(m.Name())})
				}
			}
		}
		return true
	})
	return names
}

// reads says whether a method is of the contract and only reads: it is a GET, or
// no part of REST and leaves nothing in a feed.
func reads(m protoreflect.MethodDescriptor) bool {
	rule, _ := proto.GetExtension(m.Options(), accessv1.E_Rule).(*accessv1.Rule)
	http, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil || m.IsStreamingClient() || m.IsStreamingServer() {
		return false
	}
	return http.GetGet() != "" || http == nil && rule.GetEvent() == ""
}
