package intake

import (
	"archive/zip"
	"bytes"
	"iter"
	"strconv"

	"github.com/xuri/excelize/v2"
)

const (
	// maxUnpacked is how many bytes a workbook unpacks to at most.
	maxUnpacked = 64 << 20
	// maxParts is how many files a workbook is packed of at most.
	maxParts = 256
	// maxBlank is how many lines a sheet has at most, empty ones counted.
	maxBlank = 2 * MaxLines
)

// xlsxLines yields the lines of a workbook's first sheet, with the values that
// were last saved.
func xlsxLines(content []byte) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		if err := unpackable(content); err != nil {
			yield(line{}, err)
			return
		}
		// All stays in memory: there may be no place for temporary files.
		book, err := excelize.OpenReader(bytes.NewReader(content), excelize.Options{
			RawCellValue: true, UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: maxUnpacked,
		})
		if err != nil {
			yield(line{}, errFile("不是 .xlsx 文件或已损坏", "it is no .xlsx, or damaged"))
			return
		}
		defer book.Close() // it has no files
		eachLine(book, yield)
	}
}

func eachLine(book *excelize.File, yield func(line, error) bool) {
	broken := errFile("工作表无法读取", "its sheet cannot be read")
	sheets := book.GetSheetList()
	if len(sheets) == 0 {
		yield(line{}, broken)
		return
	}
	rows, err := book.Rows(sheets[0])
	if err != nil {
		yield(line{}, broken)
		return
	}
	defer rows.Close() // only reads
	for n := 1; rows.Next(); n++ {
		cells, err := rows.Columns()
		switch {
		case err != nil:
			err = broken
		case n > maxBlank:
			err = tooLarge("lines", strconv.Itoa(MaxLines))
		default:
			err = bounded(cells)
		}
		if !yield(line{n, cells}, err) || err != nil {
			return
		}
	}
	if rows.Error() != nil {
		yield(line{}, broken)
	}
}

// unpackable looks at what a workbook says it unpacks to, before anything is
// unpacked. The reader holds it to that.
func unpackable(content []byte) error {
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return errFile("不是 .xlsx 文件或已损坏", "it is no .xlsx, or damaged")
	}
	sum := uint64(0)
	for _, f := range z.File {
		if sum += f.UncompressedSize64; sum > maxUnpacked || f.UncompressedSize64 > maxUnpacked {
			return tooLarge("bytes", strconv.Itoa(maxUnpacked))
		}
	}
	if len(z.File) > maxParts {
		return errFile("部件过多", "it has too many parts")
	}
	return nil
}
