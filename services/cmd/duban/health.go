package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	readiness = "http://127.0.0.1:9464/readyz" // on the metrics address that is the default
	answering = 3 * time.Second
)

// health asks a process, for containers that have nothing else to ask with.
func health(ctx context.Context, args []string, _ io.Writer) error {
	url := readiness
	switch {
	case len(args) > 1, slices.ContainsFunc(args, asksHelp):
		return misused("duban health [URL]", args)
	case len(args) == 1:
		url = args[0]
	}
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}
