// Runs what is asked for in `request`, in the folder that it is given, at each byte from the pipe `requests`; `response`
// has what came of it before a byte goes back. Ends, and removes the folder, when nobody holds the pipe any more.
const { spawnSync } = require('node:child_process');
const { openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } = require('node:fs');
const { join } = require('node:path');
const { deserialize, serialize } = require('node:v8');

const folder = process.argv[2];
const requests = openSync(join(folder, 'requests'), 'r');
const responses = openSync(join(folder, 'responses'), 'w');
const byte = Buffer.alloc(1);
while (readSync(requests, byte) > 0) {
  const { error, ...result } = spawnSync(...deserialize(readFileSync(join(folder, 'request'))));
  // What is serialized of an error is not all of it.
  const response = error ? { ...result, failure: { ...error, message: error.message } } : result;
  writeFileSync(join(folder, 'response'), serialize(response));
  writeSync(responses, byte);
}
rmSync(folder, { recursive: true, force: true });
