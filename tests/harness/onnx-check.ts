// Checks the structure of an ONNX model file: the parts of onnx.checker that do not need operator schemas.

import { onnx } from 'onnx-proto';
import type { OnnxModel } from '../../src/onnx/export.ts';

const bytesPerElement: Readonly<Record<number, number>> = { 1: 4, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4 };

/** The problems of a model, one line each. */
export function problemsOf({ model, externalData }: OnnxModel): string[] {
  const { graph, opsetImport, irVersion } = onnx.ModelProto.decode(model);
  if (!graph) return ['there is no graph'];
  const problems: string[] = [];
  const expected = (fits: boolean, problem: string) => {
    if (!fits) problems.push(problem);
  };
  expected(Number(irVersion) >= 8, `ir_version is ${irVersion}`);
  expected(Number(opsetImport?.[0]?.version) >= 17, `opset is ${opsetImport?.[0]?.version}`);
  const known = new Set<string>();
  for (const { name, type } of graph.input!) {
    expected(!!name && !known.has(name), `input "${name}" has no name of its own`);
    expected(!!type?.tensorType?.elemType && !!type.tensorType.shape, `input "${name}" has no type or shape`);
    known.add(name!);
  }
  const inputs = new Set(known);
  for (const tensor of graph.initializer!) {
    const { name, dims, dataType, rawData, externalData: entries } = tensor;
    expected(!!name && (inputs.has(name) || !known.has(name)), `initializer "${name}" has no name of its own`);
    known.add(name!);
    const size = dims!.reduce((product: number, dim) => product * Number(dim), 1) * bytesPerElement[dataType!];
    if (entries!.length === 0) expected(rawData!.length === size, `"${name}" has ${rawData!.length} bytes of ${size}`);
    else {
      const at = Object.fromEntries(entries!.map(({ key, value }) => [key!, value!]));
      const fits = at.location === externalData?.name && Number(at.offset) + Number(at.length) <= externalData.size;
      expected(fits && Number(at.length) === size, `"${name}" lies wrongly in the file beside the model`);
    }
  }
  for (const { opType, name, input, output, attribute } of graph.node!) {
    for (const read of input!)
      expected(read === '' || known.has(read), `${opType} "${name}" reads "${read}" too early`);
    for (const written of output!) {
      expected(written !== '' && !known.has(written), `${opType} "${name}" writes "${written}" again`);
      known.add(written);
    }
    for (const one of attribute!)
      expected(!!one.name && !!one.type, `${opType} "${name}" has an attribute without type`);
  }
  for (const { name, type } of graph.output!) {
    expected(known.has(name!), `output "${name}" is computed by nothing`);
    expected(!!type?.tensorType?.elemType && !!type.tensorType.shape, `output "${name}" has no type or shape`);
  }
  return problems;
}
