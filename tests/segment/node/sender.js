// Sends events with one of the SDKs in node_modules. Arguments: folder of node_modules, SDK, host, key.
// Events come in on standard input, one JSON list for each part; after each part it flushes and says "sent".
const path = require('node:path')
const readline = require('node:readline')

const [folder, sdk, host, key] = process.argv.slice(2)
const PAUSE_MS = 3
const load = (name) => require(require.resolve(name, { paths: [path.resolve(folder)] }))
const pause = (ms) => new Promise((done) => setTimeout(done, ms))

function fail(error) {
  console.error(error)
  process.exit(1)
}

function segmentNode(name) {
  const { Analytics } = load(name)
  const client = new Analytics({ writeKey: key, host, flushInterval: 500 })
  client.on('error', fail)
  return { client, flush: () => client.flush({ timeout: 60000 }) }
}

function older(name, options) {
  const Analytics = load(name)
  const client = new (Analytics.default ?? Analytics)(key, { ...options, errorHandler: fail })
  // Its flush takes one batch at a time, and says so by a callback or a promise, as the version has it.
  const flush = async () => {
    while (client.queue.length) await client.flush()
    await pause(1500)
  }
  return { client, flush }
}

const makers = {
  'segment-3.1': () => segmentNode('@segment/analytics-node'),
  'segment-2.3': () => segmentNode('segment-analytics-node-2'),
  'analytics-node-6.2': () => older('analytics-node', { host }),
  'rudder-3.0': () => older('@rudderstack/rudder-sdk-node', { dataPlaneUrl: host }),
}

async function main() {
  const { client, flush } = makers[sdk]()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    for (const { type, ...message } of JSON.parse(line)) {
      client[type](message)
      await pause(PAUSE_MS)
    }
    await flush()
    console.log('sent')
  }
  process.exit(0)
}

main().catch(fail)
