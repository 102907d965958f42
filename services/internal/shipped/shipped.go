// Package shipped reads the documents that ship with the program: one for each
// file of a folder. What a document may say is decided by the package that it is
// for.
package shipped

import (
	"fmt"
	"io/fs"
)

// Read parses the files of the folder that the pattern names, in the order of
// their names. The error of a file that cannot be read or parsed names it.
func Read[T any](folder fs.FS, pattern string, parse func([]byte) (T, error)) ([]T, error) {
	files, err := fs.Glob(folder, pattern)
	if err != nil {
		return nil, err
	}
	all := make([]T, 0, len(files))
	for _, file := range files {
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, err
		}
		one, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, one)
	}
	return all, nil
}
