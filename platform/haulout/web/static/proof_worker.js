// Tries numbers until SHA-256(salt + number) is the challenge. Written out, for browsers offer their own SHA-256 only
// with TLS, and a field station has none.
"use strict";

const SLICE = 2000;
const fractions = power => prime => (Math.pow(prime, power) % 1) * 0x100000000 | 0;
const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every(prime => n % prime)) PRIMES.push(n);
const START = Int32Array.from(PRIMES.slice(0, 8), fractions(1 / 2));
const ROUND = Int32Array.from(PRIMES, fractions(1 / 3));
const words = new Int32Array(64);

function padded(text) {
  const bytes = new TextEncoder().encode(text);
  const size = Math.ceil((bytes.length + 9) / 64) * 64;
  const all = new Uint8Array(size);
  all.set(bytes);
  all[bytes.length] = 0x80;
  new DataView(all.buffer).setUint32(size - 4, bytes.length * 8);
  return new DataView(all.buffer);
}

const turn = (x, n) => x >>> n | x << 32 - n;

function sha256(text) {
  const state = Int32Array.from(START), data = padded(text);
  for (let block = 0; block < data.byteLength; block += 64) digest(state, data, block);
  return Array.from(state, part => (part >>> 0).toString(16).padStart(8, "0")).join("");
}

function digest(state, data, block) {
  for (let i = 0; i < 16; i++) words[i] = data.getInt32(block + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15], y = words[i - 2];
    const small = turn(x, 7) ^ turn(x, 18) ^ x >>> 3, large = turn(y, 17) ^ turn(y, 19) ^ y >>> 10;
    words[i] = words[i - 16] + small + words[i - 7] + large | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e & f ^ ~e & g) + ROUND[i] + words[i] | 0;
    const two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
    h = g; g = f; f = e; e = d + one | 0;
    d = c; c = b; b = a; a = one + two | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((part, i) => { state[i] = state[i] + part | 0; });
}

self.onmessage = ({ data: task }) => {
  for (let number = 0; number <= task.maxNumber; number++) {
    if (sha256(task.salt + number) === task.challenge) return self.postMessage({ number });
    if (number % SLICE === 0) self.postMessage({ tried: number });
  }
  self.postMessage({ failed: true });
};
