// Package cast is who and what the demonstration is about (演示数据): the tree of
// units of a city, the people in it, the problems that they find in themselves
// and what citizens complain of. All but the names of districts is invented, and
// data/README.md says so.
//
// It reads and checks the tables. What is done with them is the story's.
package cast

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed data/*.csv
var tables embed.FS

// City is everything there is, in the order of the tables.
type City struct {
	Units      []Unit
	People     []Person
	Problems   []Problem
	Complaints []Complaint
}

// Unit is a unit (单位).
type Unit struct {
	Code, Parent string // as in the table; Parent is empty for the first alone
	Kind         string // PROVINCE, CITY, DISTRICT, SCHOOL, AFFILIATE or DEPARTMENT
	DisplayName  string
	Labels       string // key=value;key=value
	Division     string // GB/T 2260; empty for departments
}

// Person is a person (人员).
type Person struct {
	Code, Unit  string
	DisplayName string
	Post        string
	Roles       []string // such as head; none: holds no role
	Party       bool     // 是否中共党员
}

// Problem is what a unit finds in itself (自查问题).
type Problem struct {
	Unit                         string
	Category, Item               string
	Level, Source                string
	Description, Cause, Measures string
	Deadline                     string // YYYY-MM-DD
	CauseOfDelay                 string // why an extension is asked for; empty: none is
}

// Complaint is what a citizen brings (投诉举报).
type Complaint struct {
	Unit           string
	Type, Channel  string
	RealName       bool
	Category, Text string
	AboutHead      bool
}

// Name is the resource name of the unit with the code.
func Name(code string) string { return "units/" + strings.ToLower(code) }

// Code is the code of the unit with the resource name.
func Code(name string) string { return strings.ToUpper(strings.TrimPrefix(name, "units/")) }

// Name is the unit's resource name.
func (u Unit) Name() string { return Name(u.Code) }

// ID is the person's id among the members of the unit.
func (p Person) ID() string { return strings.ToLower(strings.TrimPrefix(p.Code, p.Unit+"-")) }

// Name is the person's resource name.
func (p Person) Name() string { return Name(p.Unit) + "/members/" + p.ID() }

// Has says whether the person holds the role.
func (p Person) Has(role string) bool { return slices.Contains(p.Roles, role) }

// Load reads all tables. It fails on the first row that does not fit.
func Load() (*City, error) {
	c := &City{}
	for _, table := range []struct {
		file, columns string
		add           func(row) error
	}{
		{"units.csv", "code parent_code kind display_name labels division", c.addUnit},
		{"people.csv", "code unit_code name post roles party", c.addPerson},
		{"problems.csv", "unit_code category item level source description cause measures deadline cause_of_delay", c.addProblem},
		{"complaints.csv", "unit_code type channel real_name category text about_head", c.addComplaint},
	} {
		if err := read(table.file, strings.Fields(table.columns), table.add); err != nil {
			return nil, err
		}
	}
	return c, c.check()
}

func (c *City) addUnit(r row) error {
	c.Units = append(c.Units, Unit{r["code"], r["parent_code"], r["kind"], r["display_name"], r["labels"], r["division"]})
	return nil
}

func (c *City) addPerson(r row) error {
	party, err := r.truth("party")
	p := Person{Code: r["code"], Unit: r["unit_code"], DisplayName: r["name"], Post: r["post"], Party: party}
	if r["roles"] != "" {
		p.Roles = strings.Split(r["roles"], ";")
	}
	c.People = append(c.People, p)
	return err
}

func (c *City) addProblem(r row) error {
	c.Problems = append(c.Problems, Problem{
		r["unit_code"], r["category"], r["item"], r["level"], r["source"],
		r["description"], r["cause"], r["measures"], r["deadline"], r["cause_of_delay"],
	})
	return nil
}

func (c *City) addComplaint(r row) error {
	named, err := r.truth("real_name")
	if err != nil {
		return err
	}
	head, err := r.truth("about_head")
	c.Complaints = append(c.Complaints, Complaint{r["unit_code"], r["type"], r["channel"], named, r["category"], r["text"], head})
	return err
}

// check finds references to units that are not there.
func (c *City) check() error {
	known := map[string]bool{"": true}
	for i, u := range c.Units {
		if known[u.Code] || !known[u.Parent] || (u.Parent == "") != (i == 0) {
			return fmt.Errorf("unit %s: its code is used twice, or its parent does not stand above it", u.Code)
		}
		known[u.Code] = true
	}
	for _, p := range c.People {
		if !known[p.Unit] || p.ID() == strings.ToLower(p.Code) {
			return fmt.Errorf("person %s is of no unit", p.Code)
		}
	}
	for _, p := range c.Problems {
		if !known[p.Unit] {
			return fmt.Errorf("a problem of %s: no such unit", p.Unit)
		}
	}
	for _, m := range c.Complaints {
		if !known[m.Unit] {
			return fmt.Errorf("a complaint about %s: no such unit", m.Unit)
		}
	}
	return nil
}

// few are the schools of a small city: of two districts that work in the suite, and of
// one that reports from a system of its own.
var few = []string{
	"YC-420502-S01", "YC-420502-S02", "YC-420502-S11",
	"YC-420527-S01", "YC-420527-S05", "YC-420527-S09",
	"YC-420526-S01", "YC-420526-S02", "YC-420526-S03", "YC-420526-S05",
}

// Small returns the city with few schools and their districts alone, with whom
// everything in the year still happens.
func (c *City) Small() *City {
	return c.Only(func(u Unit) bool {
		switch u.Kind {
		case "DISTRICT":
			return slices.ContainsFunc(few, func(code string) bool { return strings.HasPrefix(code, u.Code+"-") })
		case "SCHOOL":
			return slices.Contains(few, u.Code)
		default:
			return true
		}
	})
}

// Only returns the city with those units alone that keep says and that stand
// beneath units that are kept, and with what belongs to them.
func (c *City) Only(keep func(Unit) bool) *City {
	kept := map[string]bool{"": true}
	small := &City{}
	for _, u := range c.Units {
		if kept[u.Parent] && keep(u) {
			kept[u.Code] = true
			small.Units = append(small.Units, u)
		}
	}
	for _, p := range c.People {
		if kept[p.Unit] {
			small.People = append(small.People, p)
		}
	}
	for _, p := range c.Problems {
		if kept[p.Unit] {
			small.Problems = append(small.Problems, p)
		}
	}
	for _, m := range c.Complaints {
		if kept[m.Unit] {
			small.Complaints = append(small.Complaints, m)
		}
	}
	return small
}
