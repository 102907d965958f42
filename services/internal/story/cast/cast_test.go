package cast

import (
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T) *City {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCity holds the tables to what the demonstration promises of its city.
func TestCity(t *testing.T) {
	c := load(t)
	schools, departments := map[string]int{}, map[string]int{}
	var districts []string
	for _, u := range c.Units {
		switch u.Kind {
		case "SCHOOL":
			schools[u.Parent]++
		case "DEPARTMENT":
			departments[u.Parent]++
		case "DISTRICT":
			districts = append(districts, u.Code)
		}
		if real := u.Kind == "PROVINCE" || u.Kind == "CITY" || u.Kind == "DISTRICT"; real && !strings.HasSuffix(u.DisplayName, "（演示数据）") {
			t.Errorf("%s does not say that it is made up", u.DisplayName)
		}
	}
	if len(districts) != 13 || len(c.Units) <= 150 {
		t.Errorf("%d districts and %d units, want 13 and more than 150", len(districts), len(c.Units))
	}
	for _, d := range districts {
		if schools[d] < 10 || departments[d] == 0 {
			t.Errorf("%s has %d schools and %d departments", d, schools[d], departments[d])
		}
	}
	for _, p := range c.Problems {
		if p.Source != "SELF_CHECK" || p.Deadline < "2026-04-06" || p.Deadline > "2026-12-31" {
			t.Errorf("a problem of %s: source %s, deadline %s", p.Unit, p.Source, p.Deadline)
		}
	}
}

func TestOnlyKeepsWhatBelongsTogether(t *testing.T) {
	all := load(t)
	c := all.Only(func(u Unit) bool { return u.Kind != "DISTRICT" || u.Code == "YC-420502" })
	if err := c.check(); err != nil {
		t.Error(err)
	}
	if slices.ContainsFunc(c.People, func(p Person) bool { return strings.HasPrefix(p.Unit, "YC-420503") }) {
		t.Error("people of a district that was left out")
	}
	if len(c.Units) == 0 || len(c.Units) >= len(all.Units) {
		t.Errorf("%d units of %d", len(c.Units), len(all.Units))
	}
}

func TestCheckFinds(t *testing.T) {
	for name, spoil := range map[string]func(*City){
		"a code used twice":      func(c *City) { c.Units[2].Code = c.Units[1].Code },
		"a parent not above":     func(c *City) { c.Units[1].Parent = c.Units[5].Code },
		"a second root":          func(c *City) { c.Units[1].Parent = "" },
		"a person of nowhere":    func(c *City) { c.People[0].Unit = "NOWHERE" },
		"a problem of nowhere":   func(c *City) { c.Problems[0].Unit = "NOWHERE" },
		"a complaint of nowhere": func(c *City) { c.Complaints[0].Unit = "NOWHERE" },
	} {
		c := load(t)
		spoil(c)
		if c.check() == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestTablesAreReadStrictly(t *testing.T) {
	if err := read("units.csv", []string{"code"}, func(row) error { return nil }); err == nil {
		t.Error("a table with another header passes")
	}
	if _, err := (row{"party": "perhaps"}).truth("party"); err == nil {
		t.Error("perhaps passes for a truth value")
	}
}

func TestNames(t *testing.T) {
	p := Person{Code: "YC-420502-S01-HEAD", Unit: "YC-420502-S01"}
	if got, want := p.Name(), "units/yc-420502-s01/members/head"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := Code(Name(p.Unit)); got != p.Unit {
		t.Errorf("got %s, want %s", got, p.Unit)
	}
}
