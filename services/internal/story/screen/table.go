package screen

import (
	"strings"

	"golang.org/x/text/width"
)

// table is rows of cells, with as many columns as the heading has.
type table struct {
	heading []string
	rows    [][]string
}

func (t *table) add(row []string) { t.rows = append(t.rows, row) }

// gap is between two columns.
const gap = "  "

// write writes the table. The first columns, as many as left, stand at the left,
// figures at the right.
func (t *table) write(b *strings.Builder, left int) {
	widths := make([]int, len(t.heading))
	all := append([][]string{t.heading}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], columnsOf(cell))
		}
	}
	for n, row := range all {
		var line strings.Builder
		for i, cell := range row {
			blank := strings.Repeat(" ", widths[i]-columnsOf(cell))
			if i < left {
				cell += blank
			} else {
				cell = blank + cell
			}
			if i > 0 {
				line.WriteString(gap)
			}
			line.WriteString(cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		if n == 0 {
			b.WriteString(rule(widths) + "\n")
		}
	}
}

func rule(widths []int) string {
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	return strings.Repeat("-", total)
}

// columnsOf is how many columns of a terminal a text takes: Chinese takes two a
// character.
func columnsOf(text string) (n int) {
	for _, r := range text {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
