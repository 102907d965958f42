package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/duban-project/duban/services/cmd/bench/bare"
	"github.com/duban-project/duban/services/cmd/bench/profile"
	"github.com/duban-project/duban/services/internal/store"
)

// creates is what a round of durable creates gave, in creates a second.
type creates struct {
	bare, grpc, rest float64
	split            float64       // over REST, through a process for each role
	clientCPU        time.Duration // that the REST client took beside
}

func measureCreates(ctx context.Context, p plan) (all []creates, over profile.Spent, err error) {
	updates, err := record(ctx, (p.warm+p.rounds)*p.creates, p.callers)
	if err != nil {
		return nil, over, err
	}
	four := ways{updates: updates}
	defer func() { err = errors.Join(err, four.stop()) }()
	if err := four.open(ctx, city{schools: p.callers}); err != nil {
		return nil, over, err
	}
	if all, err = rounds(p, func(round int) (creates, error) { return four.round(ctx, p, round) }); err != nil {
		return nil, over, err
	}
	over, err = four.rest.spent(ctx, p)
	return all, over, err
}

// String is the round in short.
func (c creates) String() string {
	return fmt.Sprintf("engine %.0f/s, in-process gRPC %.0f/s, REST %.0f/s, through processes %.0f/s", c.bare, c.grpc, c.rest, c.split)
}

// ways are those that creates go: into a process by gRPC, into another by REST, through
// processes, and, with what was recorded, into the engine alone. Each has stores of its
// own: a commit costs the more the larger its store is, and so all are as large.
type ways struct {
	grpc, rest, split *world
	engine            *bare.Engine
	updates           []bare.Update
}

func (w *ways) open(ctx context.Context, c city) (err error) {
	if w.engine, err = bare.New(); err != nil {
		return err
	}
	if w.grpc, err = newWorld(ctx, c, nil); err != nil {
		return err
	}
	if w.rest, err = newWorld(ctx, c, nil); err != nil {
		return err
	}
	w.split, err = newFleet(ctx, c)
	return err
}

func (w *ways) stop() (err error) {
	for _, each := range []*world{w.grpc, w.rest, w.split} {
		if each != nil {
			err = errors.Join(err, each.stop())
		}
	}
	if w.engine != nil {
		err = errors.Join(err, w.engine.Close())
	}
	return err
}

// round measures the four ways in turn.
func (w *ways) round(ctx context.Context, p plan, round int) (c creates, err error) {
	from := round * p.creates
	if c.bare, err = w.replay(ctx, from, p); err != nil {
		return c, err
	}
	if c.grpc, err = w.grpc.creates(ctx, w.grpc.conn, from, p.creates, p.callers); err != nil {
		return c, err
	}
	if c.rest, c.clientCPU, err = w.rest.overREST(ctx, p, from, p.creates); err != nil {
		return c, err
	}
	c.split, _, err = w.split.overREST(ctx, p, from, p.creates)
	return c, err
}

// replay puts what creates from one on have put into the engine alone again, and
// returns how many a second were durable.
func (w *ways) replay(ctx context.Context, from int, p plan) (float64, error) {
	return spread(p.creates, p.callers, func(_ int, i int64) error { return w.engine.Put(ctx, w.updates[from+int(i)-1]) })
}

// record returns what n creates put, one by one: record, indexes, request id,
// feed entry, as bytes. They come from a suite of their own, untimed.
func record(ctx context.Context, n, callers int) ([]bare.Update, error) {
	var r *bare.Recorder
	w, err := newWorld(ctx, city{schools: callers}, func(role string, e store.Engine) store.Engine {
		if role != "rectification" {
			return e
		}
		r = &bare.Recorder{Engine: e}
		return r
	})
	if err != nil {
		return nil, err
	}
	r.Record()
	_, err = w.creates(ctx, w.conn, 0, n, callers)
	return r.Updates(), errors.Join(err, w.stop())
}

// order is what the parent process tells the one that loads over REST.
type order struct {
	At, Key                string
	Ledgers                []string
	From, Creates, Callers int
}

// overREST lets a process of its own create over REST, so that what the client
// costs can be told from what the suite costs.
func (w *world) overREST(ctx context.Context, p plan, from, n int) (rate float64, cpu time.Duration, err error) {
	out, state, err := self(ctx, order{w.http, w.key, w.ledgers, from, n, p.callers}, "load")
	if err != nil {
		return 0, 0, fmt.Errorf("loading over REST: %w", err)
	}
	_, err = fmt.Sscan(string(out), &rate)
	return rate, state.UserTime() + state.SystemTime(), err
}

// spent tells where time goes as so many are created over REST, behind the rounds.
func (w *world) spent(ctx context.Context, p plan) (s profile.Spent, err error) {
	var client, took time.Duration
	shares, err := profile.During(ctx, profile.REST, func() (err error) {
		begun := time.Now()
		_, client, err = w.overREST(ctx, p, (p.warm+p.rounds)*p.creates, p.spent)
		took = time.Since(begun)
		return err
	})
	shares = append(shares, profile.Share{Place: profile.Client, Took: client})
	profile.Sort(shares)
	return profile.Spent{Times: p.spent, Took: took, Shares: shares}, err
}

// self runs this program again as one of its parts, which reads what to do.
func self(ctx context.Context, order any, part string) (out []byte, state *os.ProcessState, err error) {
	path, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	told, err := json.Marshal(order)
	if err != nil {
		return nil, nil, err
	}
	c := exec.CommandContext(ctx, path, part)
	c.Stdin, c.Stderr = bytes.NewReader(told), os.Stderr
	out, err = c.Output()
	return out, c.ProcessState, err
}

// loadREST is what that process does.
func loadREST(ctx context.Context, _ []string) error {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.Callers}}
	rate, err := spread(o.Creates, o.Callers, func(caller int, i int64) error {
		number := int64(o.From) + i
		body, err := protojson.Marshal(found(number))
		if err != nil {
			return err
		}
		path := fmt.Sprintf("%s/v1/%s/problems", o.At, o.Ledgers[caller%len(o.Ledgers)])
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+o.Key)
		req.Header.Set("Idempotency-Key", fmt.Sprintf("bench-%d", number))
		return post(client, req)
	})
	fmt.Println(rate)
	return err
}

func post(client *http.Client, req *http.Request) error {
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, answer)
	}
	return errors.Join(err, res.Body.Close())
}
