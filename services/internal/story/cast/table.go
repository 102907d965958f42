package cast

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// row is a line by its columns.
type row map[string]string

// truth reads true or false.
func (r row) truth(column string) (bool, error) {
	v, err := strconv.ParseBool(r[column])
	if err != nil {
		return false, fmt.Errorf("%s: %w", column, err)
	}
	return v, nil
}

// read hands each line of a table to take. The header MUST be the columns.
func read(table string, columns []string, take func(row) error) error {
	f, err := tables.Open("data/" + table)
	if err != nil {
		return err
	}
	defer f.Close() // embedded: nothing to lose
	r := csv.NewReader(f)
	header, err := r.Read()
	if err != nil || !slices.Equal(header, columns) {
		return fmt.Errorf("%s: the header is %q, want %q", table, header, columns)
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
		values := row{}
		for i, c := range columns {
			values[c] = cells[i]
		}
		if err := take(values); err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("%s:%d: %w", table, line, err)
		}
	}
}
