package developer

import (
	"encoding/base64"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// shown are the fields of bodies that an example has though the contract does not
// demand them of every request: without them it would say nothing. Asked are those
// of queries.
var (
	shown = []string{"displayName", "rows", "unit", "field", "value", "codes", "csv", "description", "level", "source", "text", "ids"}
	asked = []string{"seq", "cut.startDate"}
)

// samples are values that people recognise, by the name of the field; those of one
// call stand under its name too, and a field of which it has none is left out.
// One that does not fit the contract is not taken. In a sandbox the calls of
// reports and of status work as they stand.
var samples = map[string][]string{
	"unit": {"units/yc-420526", "yc-420526"}, "name": {"units/yc-420526"}, "parent": {"units/yc", "yc"}, "ancestor": {"units/yc"},
	"displayName": {"演示学校"}, "form": {"reportForms/ledger-monthly"}, "period": {"2026-11"}, "source": {"my-system"},
	"field": {"found"}, "value": {"3"}, "metric": {"metrics/problems_found", "problems_found"}, "reason": {"数字有误，请核对后重报。"},
	"description": {"会议记录不全"}, "feed": {"aggregation"}, "url": {"https://portal.example.cn/hook"}, "reportForm": {"ledger-monthly"},
	"principal": {"machines/portal"}, "campaign": {"campaigns/work-style-2026"}, "scheme": {"gbt2260"}, "code": {"420526"},
	"cut.startDate":       {"2026-01-01"},
	"CreateReport.source": {"example-json"}, "UploadReport.source": {"example-file"}, "UploadReport.rows": {},
	"content": {base64.StdEncoding.EncodeToString([]byte("unit,found,closed\nunits/yc-420526-s01,3,1\n"))},
	"csv":     {"id,parent_id,kind,display_name\nyc-420526-s99,yc-420526,SCHOOL,演示学校\n"},
}

// dates are tried where a pattern is one of days or periods.
var dates = []string{"2026-12-01", "2026-12", "2026-Q4"}

// durations is how JSON writes a duration. It stands in the document for the form alone:
// no rule of the contract asks for one.
const durations pattern = `^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?s$`

// needed says whether the contract refuses a request without the field, as far
// as the document shows it.
func (d *document) needed(s *schema) bool {
	if s.Pattern == durations { // of texts that are no fields but durations: what is left out is none
		return false
	}
	least, _ := s.Least.Int64()
	switch {
	case s.MinLength > 0, s.Shortest > 0, s.MinItems > 0, s.Fewest > 0, s.Minimum > 0, least > 0:
		return true
	case len(s.Enum) > 0:
		return !strings.HasSuffix(s.Enum[0], "_UNSPECIFIED")
	case s.Pattern != "":
		empty, err := regexp.MatchString(s.Pattern.syntax(), "")
		return err == nil && !empty
	}
	return false
}

// sample is a value that fits the schema.
func (d *document) sample(name string, s *schema) any {
	s = d.resolve(s)
	switch {
	case s.Type == "array":
		return []any{d.sample(name, s.Items)}
	case s.Type == "object":
		return d.object(s, "")
	case s.Type == "boolean":
		return true
	case s.Type == "integer" || s.Type == "number":
		return max(int(s.Minimum), 1)
	default:
		return text(slices.Concat(samples[d.at+"."+name], samples[name]), s)
	}
}

// object has the fields that are needed, but for one; of those that exclude each
// other the first.
func (d *document) object(s *schema, except string) map[string]any {
	all, taken := map[string]any{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		of, own := samples[d.at+"."+name]
		if name == except || own && len(of) == 0 || p.ReadOnly || taken[p.OneOf] || !slices.Contains(slices.Concat(s.Required, shown), name) && !d.needed(p) {
			continue
		}
		all[name], taken[p.OneOf] = d.sample(name, p), p.OneOf != ""
	}
	return all
}

// text is a sample of what JSON writes as a string: one of those known, if it fits.
func text(known []string, s *schema) string {
	switch {
	case len(s.Enum) > 1 && strings.HasSuffix(s.Enum[0], "_UNSPECIFIED"):
		return s.Enum[1]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Format == "date-time":
		return "2026-12-01T00:00:00Z"
	case s.Format == "int64" || s.Format == "uint64":
		return "1"
	}
	if s.Format == "byte" {
		known = append(known, "ZHViYW4=")
	}
	for _, sample := range slices.Concat(known, []string{"example"}, dates) {
		if fits, err := regexp.MatchString(s.Pattern.syntax(), sample); s.Pattern == "" || err == nil && fits {
			return sample
		}
	}
	return fitting(s.Pattern.syntax())
}

// pattern is one of ECMA-262, as documents have it.
type pattern string

var codePoint = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`)

// syntax is the pattern as package regexp reads it.
func (p pattern) syntax() string { return codePoint.ReplaceAllString(string(p), `\x{$1}`) }

// fitting is a short text that the pattern matches, or "" if it is none.
func fitting(pattern string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	return generate(parsed)
}

// generate takes of every choice that with most to show, and of every repetition
// as few as may be.
func generate(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		return class(re.Rune)
	case syntax.OpCapture, syntax.OpPlus:
		return generate(re.Sub[0])
	case syntax.OpRepeat:
		return strings.Repeat(generate(re.Sub[0]), re.Min)
	case syntax.OpConcat:
		var whole strings.Builder
		for _, sub := range re.Sub {
			whole.WriteString(generate(sub))
		}
		return whole.String()
	case syntax.OpAlternate:
		longest := ""
		for _, sub := range re.Sub {
			if t := generate(sub); len(t) > len(longest) {
				longest = t
			}
		}
		return longest
	}
	return ""
}

// class picks a letter if the class has one: ranges are pairs of their ends.
func class(ranges []rune) string {
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i] <= 'a' && 'a' <= ranges[i+1] {
			return "a"
		}
	}
	return string(ranges[0])
}

// kind is the type of a field as the page shows it.
func (d *document) kind(s *schema) string {
	of := d.resolve(s)
	switch {
	case of.Type == "array":
		return d.kind(of.Items) + "[]"
	case s.Ref != "" || len(s.AllOf) > 0:
		ref := s.Ref
		if ref == "" {
			ref = s.AllOf[0].Ref
		}
		return ref[strings.LastIndexByte(ref, '.')+1:]
	case len(of.Enum) > 0:
		return strings.Join(of.Enum, " | ")
	case of.Format != "":
		return of.Format
	}
	return of.Type
}
