<?php
/** A connector in PHP 8, without any library: $push = new Connector('http://127.0.0.1:8081'); */
class Connector
{
    function __construct(private string $url, private ?string $secret = null, private float $timeout = 5) {}

    /** Each update is [path, message]; all of them are taken, in order, or none. */
    function update(array ...$updates): int
    {
        return $this->call('/update', array_map($this->packet(...), $updates))['updates'];
    }

    function connect(string $sid, array $paths): array
    {
        return $this->call('/connect', ['sid' => $sid, 'paths' => $paths])['paths'];
    }

    function send(string $sid, array ...$packets): int
    {
        return $this->call('/send', ['sid' => $sid, 'packets' => array_map($this->packet(...), $packets)])['packets'];
    }

    private function packet(array $pair): array
    {
        return ['path' => $pair[0], 'message' => $pair[1]];
    }

    /** The push server is away: RuntimeException. It refuses: DomainException. Neither is tried again. */
    private function call(string $path, array $body): array
    {
        $headers = 'Content-Type: application/json' . ($this->secret ? "\r\nAuthorization: Bearer $this->secret" : '');
        $http = ['method' => 'POST', 'header' => $headers, 'content' => json_encode($body, JSON_THROW_ON_ERROR)];
        $http += ['timeout' => $this->timeout, 'ignore_errors' => true, 'follow_location' => 0];
        $answer = @file_get_contents($this->url . $path, false, stream_context_create(['http' => $http]));
        $result = $answer === false ? null : json_decode($answer, true);
        if (!is_array($result)) throw new RuntimeException("$path: the push server is away");
        if (isset($result['error'])) throw new DomainException("$path: {$result['error']}: {$result['detail']}");
        return $result;
    }
}
