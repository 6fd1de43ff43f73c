// How the harness speaks with a program here: one JSON object a line on standard input, one answer a line on standard
// output, until the input ends.

import { createInterface } from 'node:readline'

/** No command takes longer, so that the harness never waits for ever. */
const LIMIT_MS = 30_000

/** Answers `{"do": NAME, …}` with `{"ok": …}` or `{"error": …}`; ends the process with its input. */
export async function serve(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...given } = JSON.parse(line)
    let answer
    try {
      answer = { ok: (await limited(commands[name](given))) ?? null }
    } catch (error) {
      answer = { error: describe(error) }
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
  process.exit(0)
}

function limited(work) {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS).unref()
  })
  return Promise.race([work, late])
}

/** An error with what a server said and with its causes. */
export function describe(error) {
  const said = error.errorResponse ?? error.response?.credentialErrorResponseResult?.data
  const parts = [error.message, said && JSON.stringify(said), error.cause && describe(error.cause)]
  return parts.filter(Boolean).join(': ')
}
