package main

import "fnstore/runtime/stackfile"

// selection picks functions of the stack file by the flags that faas-cli has.
type selection struct {
	Filter string `help:"Only functions whose names this matches; * stands for anything." placeholder:"GLOB" xor:"select"`
	Regex  string `help:"Only functions whose names this matches anywhere." placeholder:"REGEXP" xor:"select"`
}

// pick leaves in the file what was selected: everything without a flag.
func (sel selection) pick(file *stackfile.File) (err error) {
	file.Functions, err = file.Select(sel.Filter, sel.Regex)
	return err
}
