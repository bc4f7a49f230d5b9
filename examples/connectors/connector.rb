# A connector in Ruby, without any gem: push = Connector.new("http://127.0.0.1:8081")
require "json"
require "net/http"

class Connector
  class Away < StandardError; end
  class Refused < StandardError; end

  def initialize(url, secret: nil, timeout: 5)
    @url, @secret, @timeout = URI(url), secret, timeout
  end

  # Each update is [path, message]; all of them are taken, in order, or none.
  def update(*updates) = call("/update", packets(updates))["updates"]

  def connect(sid, paths) = call("/connect", { sid:, paths: })["paths"]

  def send_to(sid, *packets) = call("/send", { sid:, packets: packets(packets) })["packets"]

  private

  def packets(pairs) = pairs.map { |path, message| { path:, message: } }

  # Neither error is tried again: after Away nobody knows whether the call took effect.
  def call(path, body)
    headers = { "Content-Type" => "application/json" }
    headers["Authorization"] = "Bearer #{@secret}" if @secret
    times = { open_timeout: @timeout, read_timeout: @timeout, write_timeout: @timeout, max_retries: 0 }
    answer = Net::HTTP.start(@url.host, @url.port, nil, **times) { |http| http.post(path, body.to_json, headers) }
    result = JSON.parse(answer.body)
    raise Refused, "#{path}: #{result["error"]}: #{result["detail"]}" unless answer.is_a?(Net::HTTPOK)

    result
  rescue SystemCallError, SocketError, Timeout::Error, IOError, JSON::ParserError => error
    raise Away, "#{path}: the push server is away: #{error.message}"
  end
end
