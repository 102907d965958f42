package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/serve"
)

const (
	// intime is how long an answer may take that is still of use.
	intime = time.Second
	// connections are those that all calls share.
	connections = 4
)

// flooder calls and counts what is answered.
type flooder struct {
	flow
	clients             []rectificationv1.RectificationServiceClient
	good, refused, late atomic.Int64
}

// loadFlood is what the process does that floods.
func loadFlood(ctx context.Context, in io.Reader, out io.Writer) error {
	f := &flooder{}
	if err := json.NewDecoder(in).Decode(&f.flow); err != nil {
		return fmt.Errorf("reading what to do: %w", err)
	}
	for range connections {
		conn, err := grpc.NewClient(f.At, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		f.clients = append(f.clients, rectificationv1.NewRectificationServiceClient(conn))
	}
	ctx = as(ctx, f.Key)
	if f.Callers > 0 {
		f.closed(ctx)
	} else {
		f.open(ctx)
	}
	a := f.Lasting.Seconds()
	return json.NewEncoder(out).Encode(flood{Good: float64(f.good.Load()) / a, Refused: float64(f.refused.Load()) / a, Late: float64(f.late.Load()) / a})
}

// closed calls from so many callers, who do as refusals say.
func (f *flooder) closed(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.Lasting)
	defer cancel()
	var all sync.WaitGroup
	for i := range f.Callers {
		all.Go(func() {
			for ctx.Err() == nil {
				if wait := f.call(ctx, i); wait > 0 {
					_ = feed.Pause(ctx, time.Duration((0.5+rand.Float64())*float64(wait)))
				}
			}
		})
	}
	all.Wait()
}

// open calls at a rate, whatever is answered.
func (f *flooder) open(ctx context.Context) {
	var all sync.WaitGroup
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begun := time.Now()
	for made := 0; time.Since(begun) < f.Lasting; <-tick.C {
		for due := int(time.Since(begun).Seconds() * f.Rate); made < due; made++ {
			i := made
			all.Go(func() { f.call(ctx, i) })
		}
	}
	all.Wait()
}

// call reads the problem, and returns how long to wait if it is refused.
func (f *flooder) call(ctx context.Context, i int) time.Duration {
	each, cancel := context.WithTimeout(ctx, intime)
	defer cancel()
	_, err := f.clients[i%len(f.clients)].GetProblem(each, &rectificationv1.GetProblemRequest{Name: f.Problem})
	switch status.Code(err) {
	case codes.OK:
		f.good.Add(1)
	case codes.ResourceExhausted:
		f.refused.Add(1)
		if told := fault.As(serve.FromStatus(err)); told != nil {
			return told.Retry
		}
	default:
		if ctx.Err() == nil { // it is not the end that cut it off
			f.late.Add(1)
		}
	}
	return 0
}
