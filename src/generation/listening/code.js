// A listener's answers as a code; src/generation/listening/code.rs says how it is made, and reads it.
const SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// page: 0 to 32767; answers: 0 for "no preference", 1 for A, 2 for B
function encode(page, answers) {
  const values = [page];
  for (let start = 0; start < answers.length; start += 9) {
    let value = 0;
    for (let i = start; i < start + 9; i++) value = 3 * value + (answers[i] ?? 0);
    values.push(value);
  }
  const double = (x) => (x << 1) ^ (x & 16 ? 37 : 0);
  const group = (value, index) => {
    const signs = [value >> 10, (value >> 5) & 31, value & 31];
    const check = double(signs.reduce((sum, sign) => double(sum) ^ sign, index + 1));
    return [...signs, check].map((sign) => SIGNS[sign]).join("");
  };
  return values.map(group).join("-");
}
