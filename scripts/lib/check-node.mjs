// Imported first by every script, so that an old Node says what is wrong before anything else can fail.
const MINIMUM = [20, 19];

/** True when `version` ("20.19.0") is at least the minimum of package.json's engines. */
export function nodeIsSupported(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

if (!nodeIsSupported(process.versions.node)) {
  process.stderr.write(
    `Quorate needs Node.js ${MINIMUM.join('.')} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Install a supported version (https://nodejs.org, or your package manager) and run the same command again.\n',
  );
  process.exit(1);
}
