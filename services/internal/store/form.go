package store

// Form says what is wrong with a row that stands beside a feed, as the end of a sentence
// that begins with its bucket and its key: "" of one that the service keeps. It may look at
// other buckets of the store.
type Form func(tx Tx, row Entry) (what string, err error)

// Shaped is the form of rows of which each says by itself whether the service writes it.
func Shaped(is func(key, value []byte) bool) Form {
	return func(_ Tx, row Entry) (string, error) {
		if is(row.Key, row.Value) {
			return "", nil
		}
		return "what the service does not write", nil
	}
}

// Of is the form of rows that belong to one of another bucket, which key names by theirs.
func Of(bucket string, key func(key []byte) string) Form {
	return func(tx Tx, row Entry) (string, error) {
		_, there, err := Seek(tx, bucket, []byte(key(row.Key)))
		if err != nil || there {
			return "", err
		}
		return "what belongs to nothing in " + bucket, nil
	}
}

// Same is the key of rows that belong to what stands under the same.
func Same(key []byte) string { return string(key) }

// Every is the form of rows that have all these. A later one sees only what the earlier
// find nothing wrong with.
func Every(forms ...Form) Form {
	return func(tx Tx, row Entry) (what string, err error) {
		for _, form := range forms {
			if what, err = form(tx, row); what != "" || err != nil {
				break
			}
		}
		return what, err
	}
}
