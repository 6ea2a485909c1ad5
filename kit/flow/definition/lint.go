package definition

func (p *parser) warn(code, pointer, format string, args ...any) {
	p.say(code, pointer, format, args...)
	p.issues[len(p.issues)-1].Warning = true
}

func (p *parser) lint(m *Machine) {}
