// Package tiers is a federation to tell a story in (演示数据): a province, two cities
// and four districts, each an installation of its own. It sets up each through
// REST, enrols it at the one above as its operators would by hand, has the story
// told in every district, and holds what the province then says against what the
// stories counted. Starting and stopping the processes is for the command.
package tiers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/picture"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/setup"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// Tier is one installation.
type Tier struct {
	// City is who takes part in it; its first unit is the root.
	City *cast.City
	// Above is the tier that it pushes to; nil for the province.
	Above *Tier
	// Seed draws the lots of a district's story.
	Seed uint64

	client *rest.Client
	stage  *stage.Stage
	tale   *story.Story // of a district, once told
}

// New returns the province, its cities and their districts, those above first. If small,
// each city has one district with few schools: with these too everything in the year
// happens.
func New(small bool) ([]*Tier, error) {
	all, err := cast.Load()
	if err != nil {
		return nil, err
	}
	province := cast.Unit{Code: "HB", Kind: "PROVINCE", DisplayName: "湖北省教育厅（演示数据）"}
	cities := []cast.Unit{
		{Code: "YC", Parent: "HB", Kind: "CITY", DisplayName: "宜昌市教育局（演示数据）"},
		{Code: "SL", Parent: "HB", Kind: "CITY", DisplayName: "示例市教育局（演示数据）"},
	}
	districts := []cast.Unit{
		{Code: "YC-420502", Parent: "YC", Kind: "DISTRICT", DisplayName: "西陵区教育局（演示数据）"},
		{Code: "YC-420503", Parent: "YC", Kind: "DISTRICT", DisplayName: "伍家岗区教育局（演示数据）"},
		{Code: "YC-420504", Parent: "SL", Kind: "DISTRICT", DisplayName: "示例甲区教育局（演示数据）"},
		{Code: "YC-420505", Parent: "SL", Kind: "DISTRICT", DisplayName: "示例乙区教育局（演示数据）"},
	}
	schools := 6 // of each district
	if small {
		districts, schools = []cast.Unit{districts[0], districts[3]}, 3
	}
	top := &Tier{City: all.Bureau(province, cities)}
	list := []*Tier{top}
	for _, c := range cities {
		list = append(list, &Tier{City: all.Bureau(c, districts), Above: top})
	}
	for i, d := range districts {
		above := slices.IndexFunc(cities, func(c cast.Unit) bool { return c.Code == d.Parent }) + 1
		list = append(list, &Tier{City: all.Beneath(d.Code, d.DisplayName, schools), Above: list[above], Seed: uint64(i + 1)})
	}
	return list, nil
}

// ID names the installation among all.
func (t *Tier) ID() string { return strings.ToLower(t.root().Code) }

// Name is what its root is called.
func (t *Tier) Name() string { return t.root().DisplayName }

// District says whether the story is told in it.
func (t *Tier) District() bool { return t.root().Kind == "DISTRICT" }

func (t *Tier) root() cast.Unit { return t.City.Units[0] }

// Enrol enters at the tier above the keys that the operator of t has brought on
// paper.
func (t *Tier) Enrol(ctx context.Context, in *federationv1.Installation) error {
	in.DisplayName, in.Unit = t.Name(), t.root().Name()
	return t.Above.stage.As("security").Post(ctx, "/v1/installations", in, in)
}

// Begin sets the installation up that answers at base: root, administrators and
// the units beneath, and its campaign; of a district that is for the story.
func (t *Tier) Begin(ctx context.Context, base, bootstrap string) error {
	t.client = rest.New(base, stage.AtOnce)
	if t.District() {
		t.tale = story.NewDistrict(t.City, t.client, bootstrap, t.Seed, func(stage.Moment) {})
		t.tale.Join(t.parent())
		t.stage = t.tale.Stage
		return nil
	}
	t.stage = stage.New(t.City, t.client, func(stage.Moment) {}, t.Seed)
	s := &setup.Setup{Stage: t.stage, Bootstrap: bootstrap}
	for _, step := range []func(context.Context) error{s.Initialize, s.ImportUnits, s.EnterPeople, s.GrantRoles, s.IssueKeys, t.announce} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("%s: %w", t.Name(), err)
		}
	}
	return nil
}

// Begun says whether the installation was set up.
func (t *Tier) Begun() bool { return t.client != nil }

// Tell tells the story of a district, and elsewhere moves the clock to its end.
func (t *Tier) Tell(ctx context.Context) error {
	if !t.District() {
		return t.stage.SetDate(ctx, story.End)
	}
	if _, err := t.tale.Run(ctx); err != nil {
		return fmt.Errorf("%s: %w", t.Name(), err)
	}
	return nil
}

// Close ends idle connections.
func (t *Tier) Close() {
	if t.client != nil {
		t.client.Close()
	}
}

// Calls is how many requests the installation has answered so far.
func (t *Tier) Calls() int64 { return t.client.Calls() }

// Viewer is the key of the viewer of the tier.
func (t *Tier) Viewer() string { return t.stage.As(stage.Member(t.root().Code, "viewer")).Key() }

// counted are the figures of the tier's root, in the campaign of another or of it,
// by what the stories in and beneath it counted; without a campaign complaints, which
// are of none.
func counted(all []*Tier, of, in *Tier) picture.Figures {
	sum := picture.Figures{}
	for _, t := range all {
		if !t.District() || t != of && t.Above != of && t.Above.Above != of || in != nil && !t.counts(in) {
			continue
		}
		for metric, n := range t.tale.Counted(t.root().Code) {
			if strings.HasPrefix(metric, "complaints_") == (in == nil) {
				sum[metric] += n
			}
		}
	}
	return sum
}
