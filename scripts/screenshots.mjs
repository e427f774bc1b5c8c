// Called by scripts/screenshots: PROGRAM IMAGES DIRECTORY.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [program, images, directory] = process.argv.slice(2);

const replies = {
  파이썬으로: `두 가지 방법이 있어요. 짧은 파일이라면 한 번에 읽어도 되지만, **큰 파일은 한 줄씩** 읽는 편이 좋습니다.

\`\`\`python
from collections import Counter

def count_words(path: str) -> Counter:
    """파일에 나온 단어를 센다."""
    counts = Counter()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            counts.update(line.split())
    return counts
\`\`\`

- \`Counter\`는 단어와 나온 횟수를 함께 담습니다.
- 파일은 \`with\`를 벗어나면 저절로 닫힙니다.`,
  가장: '`most_common`을 쓰면 됩니다. `count_words("글.txt").most_common(10)`은 가장 많이 나온 단어 열 개를 횟수와 함께 돌려줍니다.',
};

const model = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const last = JSON.parse(body).messages.at(-1).content;
  const reply = replies[Object.keys(replies).find((word) => last.startsWith(word))] ?? '네, 무엇을 도와드릴까요?';
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const content of reply.match(/\s*\S+/g)) {
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
  }
  response.end(`data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`);
});
await new Promise((done) => model.listen(0, '127.0.0.1', done));

const server = spawn(program, ['serve', '--bind', '127.0.0.1:0', '--store', `sqlite:${join(directory, 'maru.db')}`, '--model', 'pictures/one'], {
  cwd: directory,
  env: { ...process.env, MARU__LLM__PROVIDERS__PICTURES__BASE_URL: `http://127.0.0.1:${model.address().port}/v1` },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const base = await new Promise((found, failed) => {
  let said = '';
  server.stdout.on('data', (chunk) => {
    said += chunk;
    const line = said.match(/listening on (\S+)/);
    if (line) found(line[1]);
  });
  server.on('exit', () => failed(new Error(`the server did not start: ${said}`)));
});

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  const post = (path, fields) => fetch(base + path, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  const shot = async (name, path, options = {}) => {
    const { prepare, ...context } = options;
    const opened = await browser.newContext({ locale: 'ko-KR', viewport: { width: 1000, height: 600 }, reducedMotion: 'reduce', ...context });
    const page = await opened.newPage();
    await page.goto(base + path);
    if (prepare) await prepare(page);
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: join(images, `${name}.png`) });
    await opened.close();
  };
  const phone = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 1.5, isMobile: true, hasTouch: true };
  const dark = { colorScheme: 'dark' };

  await shot('rooms-empty', '/chat/');
  for (const name of ['여름 여행 계획', '회의록 정리', 'Rust 공부방', '파이썬 연습']) {
    await post('/chat/new/', { name, system_prompt: '친절하고 짧게 답하는 도우미입니다.' });
  }
  // A build that is not optimised takes its time with the colours of its first blocks, and leaves some out.
  for (let n = 0; n < 4; n += 1) {
    await post('/chat/1/messages/new/', { content: '파이썬으로' });
    await fetch(`${base}/chat/1/`);
  }
  for (const content of ['파이썬으로 파일에 나온 단어를 세고 싶어요.', '가장 많이 나온 단어 열 개만 보려면요?']) {
    await post('/chat/4/messages/new/', { content });
  }
  const top = (page) => page.evaluate(() => scrollTo(0, 0));
  for (const [suffix, options] of [['', {}], ['-dark', dark], ['-phone', phone]]) {
    await shot(`rooms${suffix}`, '/chat/', options);
    await shot(`room${suffix}`, '/chat/4/', suffix === '-phone' ? options : { ...options, viewport: { width: 1000, height: 1100 }, prepare: top });
    await shot(`new-room${suffix}`, '/chat/new/', options);
  }
} finally {
  await browser.close();
  server.kill();
  model.close();
}
