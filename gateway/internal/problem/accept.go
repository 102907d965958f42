package problem

import (
	"mime"
	"strconv"
	"strings"
)

// wantsProblem says whether Accept (RFC 9110, section 12.5.1) prefers
// application/problem+json to application/json. Who weighs them alike gets the
// first only by naming it: a client that takes anything knows nothing of it.
func wantsProblem(accept []string) bool {
	ranges := mediaRanges(strings.Join(accept, ","))
	problem, named := ranges.weight("application/problem+json")
	plain, _ := ranges.weight("application/json")
	return problem > plain || problem == plain && problem > 0 && named
}

// ranges are the weights that a client gives to media ranges, the highest where
// it gives one twice.
type ranges map[string]float64

func mediaRanges(accept string) ranges {
	all := ranges{}
	for _, element := range elements(accept) {
		kind, parameters, err := mime.ParseMediaType(element)
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := parameters["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		all[kind] = max(all[kind], q)
	}
	return all
}

// elements splits a list at its commas, but for those within quotes.
func elements(list string) (all []string) {
	quoted, start := false, 0
	for i := range len(list) {
		switch {
		case list[i] == '"':
			quoted = !quoted
		case list[i] == ',' && !quoted:
			all = append(all, list[start:i])
			start = i + 1
		}
	}
	return append(all, list[start:])
}

// weight is that of a media type by the most precise range that holds it, and
// whether that range names it.
func (r ranges) weight(kind string) (q float64, named bool) {
	if q, named = r[kind]; named {
		return q, true
	}
	if q, ok := r[kind[:strings.Index(kind, "/")]+"/*"]; ok {
		return q, false
	}
	return r["*/*"], false
}
