package definition

// mapState reads what only Map states have.
func (p *parser) mapState(n node, s *State, language string) {
	m := &Map{}
	s.Map = m
	field := "ItemProcessor"
	if n.Has("Iterator") {
		if n.Has(field) {
			p.say(Schema, n.at("Iterator"), "only one of ItemProcessor and Iterator may be there")
		}
		field = "Iterator"
	}
	if n.Has("Parameters") && n.Has("ItemSelector") {
		p.say(Schema, n.at("Parameters"), "only one of Parameters and ItemSelector may be there")
	}
	if sub, ok := p.object(n, field); ok {
		m.Processor = p.machine(sub, language, true)
		p.processorConfig(sub, m)
	} else if !n.Has(field) {
		p.say(Schema, n.pointer, `the field "ItemProcessor" is missing`)
	}
	if m.Selector = p.value(n, "ItemSelector"); m.Selector == nil {
		m.Selector = s.Payload
	}
	s.Payload = nil
	if p.jsonata {
		m.Items = p.scalar(n, "Items", isArray)
	} else if n.Has("ItemsPath") {
		m.Items = p.itemsPath(n)
	}
	m.MaxConcurrency = p.scalar(n, "MaxConcurrency", between(0, maxSeconds))
	m.ToleratedCount = p.scalar(n, "ToleratedFailureCount", between(0, maxSeconds))
	m.ToleratedPercentage = p.scalar(n, "ToleratedFailurePercentage", isPercentage)
	m.Label = p.str(n, "Label", false)
	if len([]rune(m.Label)) > 40 {
		p.say(Schema, n.at("Label"), "Label must have at most 40 characters")
	}
	m.Reader = p.source(n, "ItemReader", "ReaderConfig")
	m.Writer = p.source(n, "ResultWriter", "WriterConfig")
	p.batcher(n, m)
	if !m.Distributed {
		for _, f := range []string{"ItemReader", "ItemBatcher", "ResultWriter", "Label", "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"} {
			if n.Has(f) {
				p.warn(NotDistributed, n.at(f), "%s is for a Map in the mode DISTRIBUTED", f)
			}
		}
	}
}

func isArray(v any) string {
	if _, ok := v.([]any); !ok {
		return "must be an array or an expression"
	}
	return ""
}

func (p *parser) itemsPath(n node) *Scalar {
	v, _ := n.Get("ItemsPath")
	s := p.parsePath(v, n.at("ItemsPath"), "ItemsPath", false)
	if s == nil {
		return nil
	}
	return p.scalar(node{n.Object, n.pointer}, "Items", isArray)
}

func (p *parser) processorConfig(n node, m *Map) {
	c, ok := p.object(n, "ProcessorConfig")
	if !ok {
		return
	}
	p.only(c, "ProcessorConfig", "Mode", "ExecutionType")
	m.Distributed = p.oneOf(c, "Mode", "INLINE", "DISTRIBUTED") == "DISTRIBUTED"
	m.ExecutionType = p.oneOf(c, "ExecutionType", "STANDARD", "EXPRESS")
	if m.Distributed && m.ExecutionType == "" {
		p.say(Schema, c.pointer, "a Map in the mode DISTRIBUTED needs ExecutionType")
	}
	if !m.Distributed && m.ExecutionType != "" {
		p.say(Schema, c.at("ExecutionType"), "ExecutionType needs the mode DISTRIBUTED")
	}
}

// options are what the fields of ReaderConfig and WriterConfig may be.
var options = map[string][][]string{
	"ReaderConfig": {
		{"InputType", "JSON", "JSONL", "CSV", "MANIFEST", "PARQUET"},
		{"CSVHeaderLocation", "FIRST_ROW", "GIVEN"},
		{"CSVDelimiter", "COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"},
		{"ManifestType", "S3_INVENTORY", "ATHENA_DATA"},
	},
	"WriterConfig": {{"Transformation", "NONE", "COMPACT", "FLATTEN"}, {"OutputType", "JSON", "JSONL"}},
}

// source reads an ItemReader or a ResultWriter.
func (p *parser) source(n node, field, config string) *Source {
	o, ok := p.object(n, field)
	if !ok {
		return nil
	}
	p.only(o, field, "Resource", "Parameters", "Arguments", config)
	s := &Source{Resource: p.str(o, "Resource", field == "ItemReader")}
	name, wrong := "Parameters", "Arguments"
	if p.jsonata {
		name, wrong = wrong, name
	}
	if o.Has(wrong) {
		p.say(Schema, o.at(wrong), "the field %q is of the other query language", wrong)
	}
	s.Payload = p.value(o, name)
	if c, ok := p.object(o, config); ok {
		s.Config = c.Object
		s.MaxItems = p.scalar(c, "MaxItems", between(1, 100_000_000))
		for _, option := range options[config] {
			p.oneOf(c, option[0], option[1:]...)
		}
		if c.String("InputType") == "CSV" && c.String("CSVHeaderLocation") == "" {
			p.say(Schema, c.pointer, "CSV needs CSVHeaderLocation")
		}
		if c.String("CSVHeaderLocation") == "GIVEN" && !c.Has("CSVHeaders") {
			p.say(Schema, c.pointer, "GIVEN needs CSVHeaders")
		}
	}
	if field == "ResultWriter" && !o.Has("Resource") && !o.Has(config) {
		p.say(Schema, o.pointer, "ResultWriter needs Resource or WriterConfig")
	}
	return s
}

func (p *parser) batcher(n node, m *Map) {
	b, ok := p.object(n, "ItemBatcher")
	if !ok {
		return
	}
	p.only(b, "ItemBatcher", "BatchInput", "MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath")
	m.BatchInput = p.value(b, "BatchInput")
	m.MaxItemsPerBatch = p.scalar(b, "MaxItemsPerBatch", between(1, maxSeconds))
	m.MaxInputBytesPerBatch = p.scalar(b, "MaxInputBytesPerBatch", between(1, 262_144))
	if m.MaxItemsPerBatch == nil && m.MaxInputBytesPerBatch == nil {
		p.say(Schema, b.pointer, "ItemBatcher needs MaxItemsPerBatch or MaxInputBytesPerBatch")
	}
}
