package tiers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/story/picture"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// Line is what the province knows of one tier.
type Line struct {
	Tier    *Tier
	Figures picture.Figures
	// Counted of Size entries of the tier's logs are in the figures, Withheld
	// sealed parts of them stayed below. Silent says that it was not heard of.
	Counted, Size, Withheld uint64
	Silent                  bool
}

// Look asks the province for the status of every tier in its campaign, and of complaints
// in none, and each city for its own in that of the city, once all that was done has arrived there,
// and compares it with what the stories counted. It answers the lines of the
// province and how many figures were compared.
func Look(ctx context.Context, all []*Tier) (lines []Line, compared int, err error) {
	err = stage.Await(ctx, func() (still, err error) {
		lines, compared, still = look(ctx, all)
		return still, nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("the province does not say what the districts counted: %w", err)
	}
	return lines, compared, nil
}

func look(ctx context.Context, all []*Tier) (lines []Line, compared int, err error) {
	province := all[0]
	for _, t := range all {
		l, status, n, err := province.compare(ctx, all, t, province)
		if err != nil {
			return nil, 0, err
		}
		if err := l.fresh(t, status); err != nil {
			return nil, 0, err
		}
		_, _, more, err := province.compare(ctx, all, t, nil)
		if err != nil {
			return nil, 0, err
		}
		lines, compared = append(lines, l), compared+n+more
		if t.Above == province {
			_, _, n, err = t.compare(ctx, all, t, t)
			compared += n
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return byTree(lines, nil), compared, nil
}

// compare asks a tier for the status of one beneath or of itself, in the campaign of a
// tier or in none, and answers how many figures are what the stories counted, if all are.
func (t *Tier) compare(ctx context.Context, all []*Tier, about, in *Tier) (Line, *aggregationv1.Status, int, error) {
	l, status, err := t.ask(ctx, about, in)
	if err != nil {
		return Line{}, nil, 0, err
	}
	n, err := l.compare(counted(all, about, in))
	return l, status, n, err
}

// ask asks for the status of a tier, in the campaign of a tier or in none.
func (t *Tier) ask(ctx context.Context, about, in *Tier) (Line, *aggregationv1.Status, error) {
	status, pairs := &aggregationv1.Status{}, []string{"pageSize", "1"}
	if in != nil {
		pairs = append(pairs, "cut.campaign", in.campaign())
	}
	if err := t.stage.By(t.root().Code, "viewer").Get(ctx, stage.Query("/v1/"+about.root().Name()+"/status", pairs...), status); err != nil {
		return Line{}, nil, err
	}
	l := Line{Tier: about, Figures: picture.Figures{}}
	for _, f := range status.GetFigures() {
		l.Figures[strings.TrimPrefix(f.GetMetric(), "metrics/")] = f.GetValue()
	}
	return l, status, nil
}

// compare answers how many figures are as wanted, if all are.
func (l Line) compare(wanted picture.Figures) (n int, err error) {
	for metric, want := range wanted {
		if n++; l.Figures[metric] != want {
			return n, fmt.Errorf("%s of %s is %d, and the stories counted %d", metric, l.Tier.Name(), l.Figures[metric], want)
		}
	}
	return n, nil
}

// byTree orders lines so that each tier is followed by those beneath it.
func byTree(lines []Line, above *Tier) (ordered []Line) {
	for _, l := range lines {
		if l.Tier.Above == above {
			ordered = append(append(ordered, l), byTree(lines, l.Tier)...)
		}
	}
	return ordered
}

// fresh adds up how fresh the tier's own logs are. All of them must be counted.
func (l *Line) fresh(t *Tier, status *aggregationv1.Status) error {
	if status.GetProvisional() {
		return fmt.Errorf("the status of %s is provisional", t.Name())
	}
	installation := ""
	if t.Above != nil {
		installation = "installations/" + t.ID()
		if t.Above.Above != nil { // the province asks, and a city has enrolled it
			installation += "~" + strings.TrimPrefix(t.root().Name(), "units/")
		}
	}
	parts := slices.DeleteFunc(status.GetFreshness(), func(p *aggregationv1.Freshness) bool { return p.GetInstallation() != installation })
	if len(parts) < 5 {
		return fmt.Errorf("%d logs of %s are counted", len(parts), t.Name())
	}
	for _, p := range parts {
		l.Counted, l.Size, l.Withheld = l.Counted+p.GetCursor(), l.Size+p.GetSize(), l.Withheld+p.GetWithheld()
		l.Silent = l.Silent || p.GetSilent()
	}
	return nil
}
