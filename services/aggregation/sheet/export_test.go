package sheet

// Text is what CSV has of a cell.
var Text = text
