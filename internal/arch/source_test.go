// The reader: it finds what packages use in their source.

package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// load parses the Go files below root, those of nested modules too, and returns what they use: every import and every
// name of an imported package; and, as problems, what one side of a sided package uses of the other.
func load(root string) (uses []Use, problems []string, err error) {
	fset := token.NewFileSet()
	packages := map[string][]*ast.File{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if path != root && (strings.ContainsAny(name[:1], "._") || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		from := "."
		if i := strings.LastIndexByte(rel, '/'); i >= 0 {
			from = "./" + rel[:i]
		}
		uses = appendUses(uses, Use{From: from, File: rel, Test: strings.HasSuffix(name, "_test.go")}, fset, file)
		packages[from] = append(packages[from], file)
		return nil
	})
	for _, from := range Sided {
		problems = append(problems, crossings(fset, packages[from])...)
	}
	return uses, problems, err
}

// appendUses adds what one file uses; at tells where the file is.
func appendUses(uses []Use, at Use, fset *token.FileSet, file *ast.File) []Use {
	imports := map[string]string{} // by the name that the file calls them
	for _, s := range file.Imports {
		path, _ := strconv.Unquote(s.Path.Value) // the parser has checked it
		at.Line = fset.Position(s.Pos()).Line
		at.To = path
		if rest, ours := strings.CutPrefix(path, Module); ours && (rest == "" || rest[0] == '/') {
			at.To = "." + rest
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if s.Name != nil {
			name = s.Name.Name
		}
		imports[name] = at.To
		uses = append(uses, at)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && imports[id.Name] != "" {
			at.Line, at.To, at.Name = fset.Position(id.Pos()).Line, imports[id.Name], sel.Sel.Name
			uses = append(uses, at)
		}
		return true
	})
	return uses
}

// crossings returns a line for each place where a client's file uses what a server's file of the same package declares,
// or the other way round. Tests may know both.
func crossings(fset *token.FileSet, files []*ast.File) []string {
	files = slices.DeleteFunc(slices.Clone(files), func(f *ast.File) bool {
		return strings.HasSuffix(fset.Position(f.Pos()).Filename, "_test.go")
	})
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	// Other packages are not loaded, so there are errors; what this one declares is resolved all the same.
	conf := types.Config{Error: func(error) {}}
	_, _ = conf.Check("", fset, files, &info)
	var problems []string
	for id, obj := range info.Uses {
		user, maker := fset.Position(id.Pos()), fset.Position(obj.Pos())
		a, b := side(user.Filename), side(maker.Filename)
		if a != "" && b != "" && a != b {
			problems = append(problems, user.String()+": a "+a+"'s file uses "+id.Name+" of a "+b+"'s")
		}
	}
	slices.Sort(problems)
	return problems
}

func side(filename string) string {
	for word := range strings.SplitSeq(strings.TrimSuffix(filepath.Base(filename), ".go"), "_") {
		if s := Sides[word]; s != "" {
			return s
		}
	}
	return ""
}
