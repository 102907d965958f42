package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	promparser "github.com/prometheus/prometheus/promql/parser"
)

// shipped are the panels that Grafana has without a plugin (its folder public/app/plugins/panel),
// and its rows. It shows nothing but an error where a panel is of another type.
var shipped = strings.Fields(`alertlist annolist barchart bargauge candlestick canvas dashlist datagrid flamegraph gauge geomap
	heatmap histogram logs news nodeGraph piechart row stat state-timeline status-history table text timeseries traces trend xychart`)

// columns is how wide a dashboard is.
const columns = 24

// board is what is read of a dashboard.
type board struct {
	UID, Title string
	Templating struct {
		List []struct {
			Name, Type string
			Datasource *source
		}
	}
	Panels []panel
}

type source struct{ Type, UID string }

type panel struct {
	ID          int
	Title, Type string
	Datasource  *source
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct {
		RefID, Expr string
		Datasource  *source
	}
}

// dashboard tells what Grafana would not show.
func dashboard(_ string, text []byte) error {
	var b board
	if err := json.Unmarshal(text, &b); err != nil {
		return err
	}
	wrong := []error{}
	if b.UID == "" || b.Title == "" || len(b.Panels) == 0 {
		wrong = append(wrong, errors.New("it has no uid, title or panels"))
	}
	variables := map[string]string{}
	for _, v := range b.Templating.List {
		if v.Name == "" || v.Type == "" || variables[v.Name] != "" {
			wrong = append(wrong, fmt.Errorf("the variable %q has no name or type, or stands twice", v.Name))
		}
		variables[v.Name] = v.Type
	}
	for _, v := range b.Templating.List {
		if v.Type == "query" {
			wrong = append(wrong, v.Datasource.in(variables))
		}
	}
	seen := map[int]bool{}
	for _, p := range b.Panels {
		if p.ID <= 0 || seen[p.ID] {
			wrong = append(wrong, fmt.Errorf("panel %q: the id %d is none, or stands twice", p.Title, p.ID))
		}
		seen[p.ID] = true
		if err := p.check(variables); err != nil {
			wrong = append(wrong, fmt.Errorf("panel %d %q: %w", p.ID, p.Title, err))
		}
	}
	return errors.Join(wrong...)
}

// check tells everything that is wrong with a panel.
func (p panel) check(variables map[string]string) error {
	var wrong []error
	tell := func(is bool, format string, args ...any) {
		if is {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	g := p.GridPos
	tell(!slices.Contains(shipped, p.Type), "Grafana has no panel of the type %q", p.Type)
	tell(p.Title == "", "it has no title")
	tell(g.H <= 0 || g.W <= 0 || g.X < 0 || g.Y < 0 || g.X+g.W > columns, "its gridPos %+v is no place", g)
	if p.Type == "row" || p.Type == "text" {
		return errors.Join(wrong...)
	}
	tell(len(p.Targets) == 0, "it asks for nothing")
	ids := map[string]bool{}
	for _, t := range p.Targets {
		tell(t.RefID == "" || ids[t.RefID], "the refId %q is none, or stands twice", t.RefID)
		ids[t.RefID] = true
		from := t.Datasource
		if from == nil {
			from = p.Datasource
		}
		wrong = append(wrong, from.in(variables), known(t.Expr, variables))
		_, err := promparser.NewParser(promparser.Options{}).ParseExpr(t.Expr)
		tell(err != nil, "%s: %w", t.Expr, err)
	}
	return errors.Join(wrong...)
}

// in says whether a data source is one of the dashboard's variables: a uid of its own is of
// one Grafana alone.
func (s *source) in(variables map[string]string) error {
	if s == nil {
		return errors.New("it names no data source")
	}
	name, opened := strings.CutPrefix(s.UID, "${")
	name, closed := strings.CutSuffix(name, "}")
	if s.Type != "prometheus" || !opened || !closed || variables[name] != "datasource" {
		return fmt.Errorf("its data source %+v is no variable of the dashboard", *s)
	}
	return nil
}

var variable = regexp.MustCompile(`\$\{?([a-zA-Z_]\w*)`)

// known says whether all variables of an expression are the dashboard's, or Grafana's own.
func known(expr string, variables map[string]string) error {
	for _, found := range variable.FindAllStringSubmatch(expr, -1) {
		if name := found[1]; variables[name] == "" && !strings.HasPrefix(name, "__") {
			return fmt.Errorf("%s: there is no variable %s", expr, name)
		}
	}
	return nil
}
