// Asks the official parser whether AsyncAPI documents are valid: prints what it finds, exit status 1
// for an error or a warning. The examples are not looked at here; the tests do that.
//
//     NODE_PATH=.venv-node/node_modules node .ci/asyncapi.cjs docs/protocol/asyncapi.json

const fs = require("node:fs");
const { Parser } = require("@asyncapi/parser");

const WORDS = ["error", "warning", "information", "hint"];
const WARNING = 1;

async function main() {
  let worst = Infinity;
  for (const path of process.argv.slice(2)) {
    const { document, diagnostics } = await new Parser().parse(fs.readFileSync(path, "utf8"));
    for (const found of diagnostics) {
      worst = Math.min(worst, found.severity);
      console.log(`${path}: ${WORDS[found.severity]}: ${found.path.join(".")}: ${found.message}`);
    }
    if (!document) {
      worst = 0;
      continue;
    }
    const messages = document.allMessages().all().length;
    const operations = document.operations().all().length;
    console.log(`${path}: AsyncAPI ${document.version()}, ${messages} messages, ${operations} operations`);
  }
  process.exitCode = worst <= WARNING ? 1 : 0;
}

main();
