// Names out of the sources, for the tests that compare the documents with them.
import ts from 'typescript';
import { readText } from './repository.js';

function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readText(path), ts.ScriptTarget.ES2023, true);
}

function find<T extends ts.Node>(path: string, is: (node: ts.Node) => node is T, name: string): T {
  for (const statement of parse(path).statements)
    if (is(statement) && (statement as unknown as ts.DeclarationStatement).name?.getText() === name)
      return statement;
  throw new Error(`${path} has no ${name}`);
}

/** The property names of an interface, its own only. */
export function propertiesOf(path: string, name: string): string[] {
  const { members } = find(path, ts.isInterfaceDeclaration, name);
  return members.filter(ts.isPropertySignature).map((member) => member.name.getText());
}

/** Each value of `type` in a union of events, with the names of the other properties beside it. */
export function eventsOf(path: string, name: string): Map<string, string[]> {
  const events = new Map<string, string[]>();
  const properties = (node: ts.Node): ts.PropertySignature[] => {
    if (ts.isTypeLiteralNode(node)) return node.members.filter(ts.isPropertySignature);
    if (ts.isTypeReferenceNode(node))
      return find(path, ts.isInterfaceDeclaration, node.typeName.getText()).members.filter(
        ts.isPropertySignature,
      );
    return ts.isIntersectionTypeNode(node) || ts.isParenthesizedTypeNode(node)
      ? node.getChildren().flatMap(properties)
      : node.kind === ts.SyntaxKind.SyntaxList
        ? node.getChildren().flatMap(properties)
        : [];
  };
  const visit = (node: ts.Node): void => {
    if (!ts.isUnionTypeNode(node)) return ts.forEachChild(node, visit);
    for (const member of node.types) {
      const own = properties(member);
      const type = own.find((property) => property.name.getText() === 'type');
      const others = own.filter((property) => property !== type).map((property) => property.name.getText());
      for (const [, value = ''] of (type?.type?.getText() ?? '').matchAll(/'([^']+)'/g))
        events.set(value, others);
    }
  };
  visit(find(path, ts.isTypeAliasDeclaration, name));
  return events;
}
