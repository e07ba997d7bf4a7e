// For prompts with characters unknown to the model: an error that names them and the option that drops them.

import type { OwnOption } from '../../../models/index.ts';
import { UnknownCharacterError } from '../../node.ts';
import { CommandError, USAGE } from './command-error.ts';

interface WithOptions {
  readonly options?: Readonly<Record<string, OwnOption>>;
}

/** The result of `work`. @throws a CommandError that suggests --drop-unknown, if characters are unknown and it is an option. */
export async function orOfferDrop<T>({ options = {} }: WithOptions, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof UnknownCharacterError) || !Object.hasOwn(options, 'dropUnknown')) throw cause;
    const { characters } = cause;
    const names = characters.slice(0, 5).map((one) => `${JSON.stringify(one)} (U+${codeOf(one)})`);
    const more = characters.length > 5 ? ` and ${characters.length - 5} more` : '';
    const them = characters.length > 1 ? 'them' : 'it';
    throw new CommandError(
      `The model does not know ${names.join(', ')}${more}. Remove ${them}, or use --drop-unknown to ignore ${them}.`,
      USAGE,
      { cause },
    );
  }
}

const codeOf = (character: string): string => character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
