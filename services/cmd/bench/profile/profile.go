// Package profile tells on what this process spends its processor time, by places: what
// the page has beside a figure that falls short.
package profile

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// Place is something that takes time: functions, by their names with packages.
type Place struct {
	Name string
	In   *regexp.Regexp
	// Whole places have all that is done on their behalf; of others what they call that
	// is a place as well stands for itself.
	Whole bool
}

// Share is how long a place took.
type Share struct {
	Place string
	Took  time.Duration
}

// Other is what is at no place.
const Other = "all else"

// During does something and tells where the time went meanwhile, the most first.
func During(ctx context.Context, places []Place, do func() error) (shares []Share, err error) {
	f, err := os.CreateTemp("", "duban-profile-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	err = do()
	pprof.StopCPUProfile()
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	traces, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", "-unit=us", f.Name()).Output()
	if err != nil {
		return nil, fmt.Errorf("reading the profile: %w", err)
	}
	return Shares(string(traces), places)
}

// Shares are those of the stacks that pprof -traces prints in µs, innermost first, behind
// lines of dashes.
func Shares(traces string, places []Place) ([]Share, error) {
	took := map[string]time.Duration{}
	_, traces, _ = strings.Cut(traces, "-----+-----")
	for stack := range strings.SplitSeq(traces, "-----+-----") {
		t, frames, err := read(stack)
		if err != nil {
			return nil, err
		}
		took[at(frames, places)] += t
	}
	var all []Share
	for place, t := range took {
		if t > 0 {
			all = append(all, Share{place, t})
		}
	}
	Sort(all)
	return all, nil
}

// Sort orders shares, the most first.
func Sort(all []Share) {
	slices.SortFunc(all, func(a, b Share) int { return cmp.Or(cmp.Compare(b.Took, a.Took), cmp.Compare(a.Place, b.Place)) })
}

// read reads a stack: the first line that is not of dashes begins with its time.
func read(stack string) (took time.Duration, frames []string, err error) {
	lines := bufio.NewScanner(strings.NewReader(stack))
	for lines.Scan() {
		line := strings.TrimSpace(strings.TrimLeft(lines.Text(), "-"))
		if frames == nil && line != "" {
			time, frame, _ := strings.Cut(line, " ")
			if _, err := fmt.Sscanf(time, "%dus", (*int64)(&took)); err != nil {
				return 0, nil, fmt.Errorf("reading %q: %w", line, err)
			}
			line = frame
		}
		if line != "" {
			frames = append(frames, strings.TrimSuffix(strings.TrimSpace(line), " (inline)"))
		}
	}
	return took * time.Microsecond, frames, lines.Err()
}

// at is the place of a stack.
func at(frames []string, places []Place) string {
	for _, p := range places {
		if p.Whole && slices.ContainsFunc(frames, p.In.MatchString) {
			return p.Name
		}
	}
	for _, frame := range frames {
		for _, p := range places {
			if p.In.MatchString(frame) {
				return p.Name
			}
		}
	}
	return Other
}
